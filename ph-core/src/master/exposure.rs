//! Whether others than root decide what a master does that is root.

use ph_config::Settings;

/// A warning, if this process is root and its configuration may be changed by anyone else.
pub fn exposure(settings: &Settings) -> Option<String> {
    let path = settings.config_file.as_deref().filter(|_| nix::unistd::geteuid().is_root())?;
    let who = ph_config::file::exposure(&settings.start_dir.join(path))?;
    Some(format!("{}: {who}; its master is root", path.display()))
}
