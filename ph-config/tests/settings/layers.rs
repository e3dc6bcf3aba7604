//! Which text counts, where it comes from, and what cannot be loaded at all.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ph_config::{LoadRequest, Origin, Scaling, Settings};

use crate::{layers, request, settings, told, told_with};

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the target directory is writable");
    path
}

#[test]
fn upper_layers_win_and_say_so() {
    let text = "[DEFAULT]\ntimeout = 1\nthreads = 2\n[app]\nthreads = 3\nnice = 1\nbacklog = 5\nlog_keep = 1\n";
    let environment =
        [("PH_BACKLOG", "6"), ("PH_LOG_KEEP", "2"), ("PH_APP", "x"), ("PH_OTHER", "y")];
    let request = request()
        .environment(environment.map(|(n, v)| (n.into(), v.into())))
        .set("log_keep", "3")
        .set("LOG_KEEP", "4");
    let layers = layers(text, &request);
    let shown = |key: &str| {
        let entry = layers.get(key).expect("the key is known");
        format!("{} | {}", entry.text, entry.origin)
    };
    assert_eq!(shown("timeout"), "1 | conf/app.ini:2");
    assert_eq!(shown("threads"), "3 | conf/app.ini:5");
    assert_eq!(shown("nice"), "1 | conf/app.ini:6");
    assert_eq!(shown("backlog"), "6 | environment PH_BACKLOG");
    assert_eq!(shown("log_keep"), "4 | command line");
    assert_eq!(shown("bind"), "none | default");
    let in_default = |key: &str| match &layers.get(key).unwrap().origin {
        Origin::File { in_default, .. } => *in_default,
        other => panic!("{other:?}"),
    };
    assert!(in_default("timeout") && !in_default("threads"));
    assert!(layers.get("app").is_none() && layers.get("other").is_none());
    assert!(layers.settings().is_ok());
}

#[test]
fn a_higher_name_of_a_key_hides_a_lower_one() {
    let text = "[DEFAULT]\nmax_lifetime = 1h\n[app]\nkill_interval = 2h\n";
    assert_eq!(settings(text).max_lifetime, Some(Duration::from_secs(7200)));
    let request = request().environment([("PH_KILL_INTERVAL".into(), "3h".into())]);
    let settings = layers(text, &request).settings().unwrap();
    assert_eq!(settings.max_lifetime, Some(Duration::from_secs(10_800)));
    assert_eq!(settings.text("kill_interval").as_deref(), Some("3h"));
    assert_eq!(
        told("max_lifetime = 1h\nkill_interval = 2h\n"),
        "conf/app.ini:3: kill_interval and max_lifetime are two names for one key; keep max_lifetime alone"
    );
}

#[test]
fn values_of_the_file_see_overrides_literally() {
    let text = "[app]\nbase_path = /a\npidfile = %(base_path)s/x\napp.rate = %(max_lifetime)s 100%%\nkill_interval = 5\n";
    let request = request().set("base_path", "/50%(x)s").set("max_lifetime", "6");
    let settings = layers(text, &request).settings().unwrap();
    assert_eq!(settings.pidfile.as_deref(), Some(Path::new("/50%(x)s/x")));
    assert_eq!(settings.app, BTreeMap::from([("rate".into(), "6 100%".into())]));
}

#[test]
fn values_of_the_file_see_defaults_that_are_texts() {
    let settings = settings("[app]\nlog_file = %(log_path)s/%(proc_name)s.log\n");
    assert_eq!(settings.log_file.as_deref(), Some(Path::new("/srv/app/app.log")));
    assert_eq!(
        told("log_file = %(pidfile)s.log\n"),
        "conf/app.ini:2: log_file = %(pidfile)s.log: %(pidfile)s names no key of this section; \
         set it, or write %% for a percent sign"
    );
}

#[test]
fn layers_show_what_settings_refuse() {
    let layers = layers("[app]\nnumber_workers = -1\npidfile = %(nope)s\nx = 1\n", &request());
    assert_eq!(layers.get("number_workers").unwrap().text, "-1");
    assert_eq!(layers.get("pidfile").unwrap().text, "%(nope)s");
    assert_eq!(layers.problems().len(), 2, "the value that is no number is not looked at yet");
    assert_eq!(layers.settings().unwrap_err().problems().len(), 3);
}

#[test]
fn a_key_is_known_if_a_value_interpolates_it() {
    let text = "[DEFAULT]\nroot = /r\nspare = /s\n[app]\nname = n\nlog_path = %(root)s/%(NAME)s\n[other]\nlog_path = %(spare)s\n";
    let layers_of = |request: &LoadRequest| layers(text, request).settings().unwrap();
    let app = request().section("app");
    assert_eq!(layers_of(&app).log_path, Path::new("/r/n"));
    assert_eq!(layers_of(&app.set("root", "/q")).log_path, Path::new("/q/n"));
    assert_eq!(layers_of(&request().section("other")).log_path, Path::new("/s"));
    // Not by itself, and not a key of a section by another section.
    assert!(told("x = %(x)s\n").contains(":2: unknown key x;"));
    let stranger = "[app]\nroot = 1\n[other]\nlog_path = %(root)s\n";
    assert!(told_with(stranger, &request().section("app")).contains(":2: unknown key root;"));
}

#[test]
fn sections_are_chosen_or_named() {
    let text = "[web]\n[mail]\n";
    assert_eq!(
        told_with(text, &request()),
        "conf/app.ini: has several sections, [web], [mail]; choose one"
    );
    assert_eq!(
        told_with(text, &request().section("mial")),
        "conf/app.ini: no section [mial]; did you mean [mail]? there is [web], [mail]"
    );
    assert!(told_with(text, &request().section("DEFAULT")).contains("choose one of [web], [mail]"));
    assert!(told_with("[DEFAULT]\n", &request()).contains("has no section beside [DEFAULT]"));
    assert!(
        told_with("[a/b]\n", &request()).starts_with("conf/app.ini:1: proc_name = a/b: expected")
    );
}

#[test]
fn files_that_are_none_get_a_sentence() {
    let told = |path: &Path| {
        let error = Settings::load(&LoadRequest::new(path, "/")).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert_eq!(error.lines().count(), 1);
        error
    };
    assert!(
        told(&file("latin.ini", b"[a]\nx = \xe9\n")).contains("latin.ini:2: byte 0xe9 at offset 8")
    );
    let mut huge = b"[a]\n".to_vec();
    huge.resize((1 << 20) + 1, b'\n');
    assert!(
        told(&file("huge.ini", &huge)).ends_with("is larger than 1 MiB; a configuration is not")
    );
    huge.truncate(1 << 20);
    Settings::load(&LoadRequest::new(file("large.ini", &huge), "/")).unwrap();
    assert!(told(Path::new(env!("CARGO_TARGET_TMPDIR"))).contains("is a directory"));
    assert!(told(Path::new("/nonexistent/app.ini")).contains("no such file"));
    let secret = file("secret.ini", b"[a]\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if fs::read(&secret).is_err() {
        assert!(told(&secret).contains("may not be read by this user"));
    }
}

#[test]
fn a_file_that_is_wrong_from_end_to_end_is_told_soon() {
    let keys = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    for text in [
        keys(&|n| format!("number_k{n} = v\n")),
        keys(&|n| format!("app.key{n} = %(number_{n})s\n")),
        keys(&|_| "nonsense\n".to_owned()),
    ] {
        let started = Instant::now();
        let told = told(&text);
        assert_eq!(told.lines().count(), 101);
        assert!(told.ends_with("and 19900 more like these"), "{told}");
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

#[test]
fn a_relative_file_is_relative_to_the_start() {
    let path = file("relative.ini", b"[a]\nnumber_workers = x\n");
    let (directory, name) = (path.parent().unwrap(), path.file_name().unwrap());
    let error = Settings::load(&LoadRequest::new(name, directory)).unwrap_err().to_string();
    assert!(error.starts_with("relative.ini:2: number_workers = x: "), "{error}");
}

#[test]
fn an_application_needs_no_file() {
    let set = [("scaling", "dynamic"), ("max_workers", "4"), ("app.x", "1")];
    let settings = Settings::without_file("jobs", "/srv", set).unwrap();
    assert_eq!((settings.proc_name.as_str(), settings.scaling), ("jobs", Scaling::Dynamic));
    assert_eq!(settings.config_file, None);
    let error = Settings::without_file("jobs", "/srv", [("scalling", "x")]).unwrap_err();
    assert_eq!(error.to_string(), "--set scalling: unknown key scalling; did you mean scaling?");
    assert!(
        Settings::load(&LoadRequest::default())
            .unwrap_err()
            .to_string()
            .contains("there is no file")
    );
}
