#!/bin/sh
# Starts an etcd, two masters of the example `fencing` and its store on this machine, and ends them at Ctrl-C.
#
#     examples/standby/start.sh [FOLDER]
#
# What they write lies in FOLDER, target/standby unless told otherwise. FENCING names the program, if it is built already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ -z "${FENCING:-}" ]; then
    cargo build --release --manifest-path "$root/Cargo.toml" --example fencing
    FENCING=${CARGO_TARGET_DIR:-$root/target}/release/examples/fencing
fi
folder=${1:-$root/target/standby}
mkdir -p "$folder"
cd "$folder"
folder=$(pwd)

# The same program under two names, each with its section.
for name in one two; do
    printf '#!/bin/sh\ncd "%s" && exec "%s" -c "%s/config.ini" -s %s "$@"\n' \
        "$folder" "$FENCING" "$here" "$name" >"$name"
    chmod +x "$name"
done

etcd --data-dir etcd \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380 >>etcd.log 2>&1 &
etcd=$!
"$FENCING" store 127.0.0.1:7000 >store.log 2>&1 &
store=$!

end() {
    trap - EXIT
    for name in one two; do
        # One that does not run is as good.
        "./$name" stop 2>/dev/null || true
    done
    kill "$etcd" "$store" 2>/dev/null || true
    wait "$etcd" "$store" || true
}
trap end EXIT
trap 'exit 0' INT TERM HUP

# A master that finds no etcd waits for it, so their order is no matter.
./one start
./two start
echo "an etcd, a store and two masters run in $folder; Ctrl-C ends them"
wait "$etcd"
echo "etcd has ended; see $folder/etcd.log" >&2
exit 1
