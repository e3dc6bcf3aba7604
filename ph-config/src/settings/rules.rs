//! Rules that more than one key must obey together.

use std::path::Path;

use super::Settings;
use crate::{
    error::{ConfigError, Problem},
    layers::Reader,
    value::choice::{Accept, Leader, Scaling, WorkerClass},
};

/// A rule over some keys: the text of what is wrong, if anything is.
struct Rule {
    /// The keys it is about. The message goes to the first of them that is set somewhere.
    keys: &'static [&'static str],
    broken: fn(&Settings, IsSet<'_>) -> Option<String>,
}

/// Whether a key is set anywhere.
type IsSet<'a> = &'a dyn Fn(&str) -> bool;

/// In the order of the reference.
const RULES: &[Rule] = &[
    Rule {
        keys: &["min_workers", "max_workers", "scaling"],
        broken: |s, is_set| {
            let applies =
                s.scaling != Scaling::Static || (is_set("min_workers") && is_set("max_workers"));
            let max = s.max_workers.exact().filter(|max| applies && s.min_workers > *max)?;
            Some(format!(
                "min_workers = {} is more than max_workers = {max}; \
                 lower the one or raise the other",
                s.min_workers
            ))
        },
    },
    Rule {
        keys: &["number_workers", "min_workers", "max_workers", "scaling"],
        broken: |s, _| {
            let number = s.number_workers.exact()?;
            let min = if s.scaling == Scaling::Dynamic { s.min_workers } else { 0 };
            let max = s.max_workers.exact().unwrap_or(u32::MAX);
            let applies = s.scaling != Scaling::Static && min <= max;
            (applies && !(min..=max).contains(&number)).then(|| {
                let most = s.max_workers;
                format!(
                    "number_workers = {number} must lie between \
                     min_workers = {min} and max_workers = {most}"
                )
            })
        },
    },
    Rule {
        keys: &["min_workers", "scaling"],
        broken: |s, _| {
            (s.scaling == Scaling::Dynamic && s.min_workers == 0).then(|| {
                "min_workers = 0 needs scaling = ondemand; with dynamic it is at least 1".into()
            })
        },
    },
    Rule {
        keys: &["command", "python_class"],
        broken: |s, _| {
            (s.command.is_some() && s.python_class.is_some()).then(|| {
                "command and python_class are both set; keep the one that is the worker".into()
            })
        },
    },
    Rule {
        keys: &["worker_class", "command", "python_class"],
        broken: |s, _| {
            let program = match (&s.command, &s.python_class) {
                (None, None) => return None,
                (Some(_), _) => "command",
                (None, _) => "python_class",
            };
            (s.worker_class != WorkerClass::Exec).then(|| {
                format!(
                    "worker_class = {} does not go with {program}; remove it or make it exec",
                    s.worker_class
                )
            })
        },
    },
    Rule {
        keys: &["accept", "scaling"],
        broken: |s, _| {
            (s.scaling != Scaling::Static && s.accept == Accept::Reuseport).then(|| {
                format!(
                    "accept = reuseport gives each worker a queue of its own, which goes with it; \
                     with scaling = {} make it exclusive or lock",
                    s.scaling
                )
            })
        },
    },
    Rule {
        keys: &["max_surge", "max_unavailable"],
        broken: |s, _| {
            (s.max_surge == 0 && s.max_unavailable == 0).then(|| {
                "max_surge and max_unavailable are both 0, \
                 so no worker could ever be replaced; raise one"
                    .into()
            })
        },
    },
    Rule {
        keys: &["restart_backoff_max", "restart_backoff"],
        broken: |s, _| {
            (s.restart_backoff_max < s.restart_backoff)
                .then(|| "restart_backoff_max is below restart_backoff; raise it".into())
        },
    },
    Rule {
        keys: &["group", "user"],
        broken: |s, _| {
            let (group, with_user) = (s.group.as_ref()?, s.user.as_ref()?.group.as_ref()?);
            (group != with_user).then(|| {
                format!(
                    "group = {group} and user = …:{with_user} name two groups; remove one of them"
                )
            })
        },
    },
    Rule {
        keys: &["leader_tls_cert", "leader_tls_key"],
        broken: |s, _| {
            (s.leader_tls_cert.is_some() != s.leader_tls_key.is_some()).then(|| {
                "leader_tls_cert and leader_tls_key belong together; set both or neither".into()
            })
        },
    },
    Rule {
        keys: &["leader_key", "leader", "proc_name"],
        broken: |s, _| {
            const RECORD: &str = "/last-leader";
            (s.leader == Leader::Etcd && s.leader_key.ends_with(RECORD)).then(|| {
                format!(
                    "leader_key = {} is where another election keeps its record; \
                     end it in something else than {RECORD}",
                    s.leader_key
                )
            })
        },
    },
    Rule {
        keys: &["pidfile"],
        broken: |s, _| is_the_file_itself(s, "pidfile", s.pidfile.as_deref()),
    },
    Rule {
        keys: &["log_file"],
        broken: |s, _| is_the_file_itself(s, "log_file", s.log_file.as_deref()),
    },
    Rule {
        keys: &["control_socket", "unix_socket", "pidfile", "log_file"],
        broken: |s, _| {
            let files = [
                ("pidfile", s.pidfile.as_ref()),
                ("log_file", s.log_file.as_ref()),
                ("unix_socket", s.unix_socket.as_ref()),
                ("control_socket", Some(&s.control_socket)),
            ];
            let clash = files.iter().enumerate().find_map(|(index, (name, path))| {
                let path = path.as_ref()?;
                let other = files[..index].iter().find(|(_, other)| *other == Some(*path))?;
                Some((other.0, *name, path))
            })?;
            let (one, other, path) = clash;
            Some(format!("{one} and {other} are both {}; give each its own path", path.display()))
        },
    },
];

/// What is wrong with a file to be written that is the configuration.
fn is_the_file_itself(settings: &Settings, key: &str, path: Option<&Path>) -> Option<String> {
    let file = settings.start_dir.join(settings.config_file.as_ref()?);
    let same = |path: &&Path| {
        let canonical = |path: &Path| path.canonicalize().ok();
        **path == *file || canonical(path).is_some_and(|path| canonical(&file) == Some(path))
    };
    let path = path.filter(same)?;
    Some(format!("{key} is the configuration itself, {}; give it its own path", path.display()))
}

impl Settings {
    /// Checks every rule whose keys could all be read.
    pub(crate) fn check_rules(&self, reader: &mut Reader<'_>) {
        let layers = reader.layers();
        let is_set = |key: &str| layers.is_set(key);
        for rule in RULES {
            if rule.keys.iter().any(|key| reader.has_failed(key)) {
                continue;
            }
            if let Some(message) = (rule.broken)(self, &is_set) {
                let culprit = rule.keys.iter().find(|key| is_set(key)).unwrap_or(&rule.keys[0]);
                reader.report(culprit, &message);
            }
        }
    }

    /// What `run`, `start` and `reload` need, and other commands do not: something to run, and
    /// somewhere to campaign.
    pub fn check_runnable(&self) -> Result<(), ConfigError> {
        let place = match &self.config_file {
            Some(file) => format!("{} [{}]", file.display(), self.section),
            None => format!("[{}]", self.section),
        };
        let mut problems = Vec::new();
        let mut miss = |key: &str, message: &str| {
            problems.push(Problem { key: Some(key.to_owned()), ..Problem::at(&place, message) });
        };
        let program = self.command.is_some() || self.python_class.is_some();
        if self.worker_class == WorkerClass::Exec && !program {
            miss("command", "worker_class = exec needs a program; set command or python_class");
        }
        if self.leader == Leader::Etcd && self.leader_endpoints.is_empty() {
            miss(
                "leader_endpoints",
                "leader = etcd needs leader_endpoints; set it to the cluster's servers",
            );
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::new(problems)) }
    }
}
