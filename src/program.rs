//! How this program was started, so that an upgrade can start it again.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ph_core::master::Program;

/// The program as its first argument names it: a path, or a name that `PATH` leads to. Symbolic links stay, since
/// they are how a new version is put in the place of an old one.
pub(crate) fn this() -> Program {
    let directory = env::current_dir().unwrap_or_else(|_| "/".into());
    let mut arguments = env::args_os();
    let name = PathBuf::from(arguments.next().unwrap_or_default());
    let path = if name.components().count() > 1 || name.is_absolute() {
        Some(directory.join(&name))
    } else {
        in_path(&name).map(|found| directory.join(found))
    };
    // Whoever started it with another name than its own is left with the file itself.
    let path = path.filter(|path| is_program(path)).or_else(|| env::current_exe().ok());
    Program { path: path.unwrap_or(name), arguments: arguments.collect(), directory }
}

fn in_path(name: &Path) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
