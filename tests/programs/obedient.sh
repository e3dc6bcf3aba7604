#!/bin/sh
# A program that counts, and does what it is told by a file: `tests/languages.rs`.
systemd-notify --ready
[ -z "$FAMILY" ] || sleep 1001 &
recurse() { recurse; }
number=0
while :; do
    number=$((number + 1))
    echo "tick $number"
    if [ -e "order.$PH_WORKER_ID" ]; then
        what=$(cat "order.$PH_WORKER_ID")
        rm "order.$PH_WORKER_ID"
        case $what in
            exit) exit 3 ;;
            overflow) recurse ;;
            daemon)
                (setsid sh -c 'trap "" TERM; echo $$ > part && mv part daemon; sleep 1002' &)
                while [ ! -e daemon ]; do sleep 0.01; done
                exit 3
                ;;
            *) kill -s "$what" $$ ;;
        esac
    fi
    sleep 0.02
done
