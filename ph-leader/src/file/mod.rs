//! An election on one host: a lock in the kernel, and a file for the token.

mod lock;
mod token;
mod watch;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::store::{Lease, Reply, Request, Store, StoreError, Vacancy, Watch};
use lock::Lock;
use token::TokenFile;
use watch::FileWatch;

/// An election among the processes of one host that name the same file, on a file system of that host.
///
/// Who leads has a lock on the file's open file description (`fcntl(2)`, `F_OFD_SETLK`). It is freed when the last
/// descriptor of it is closed, in whichever process: give a [duplicate](FileStore::descriptor) to each process that works for
/// the leader, and the next leader waits until the last of them is gone, however that comes about. So a lease does not run out here by itself;
/// its deadline is kept by the leader alone, and [`Request::Release`] closes this store's own descriptor.
///
/// The file is made if needed, and never renamed or removed. The token and the leader's name are in `PATH.token`, which is replaced
/// as a whole and synced to the disk before anybody leads with it.
///
/// Clones are the same store.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
    tokens: TokenFile,
    held: Arc<Mutex<Held>>,
}

/// A lock is free when all that held it are gone: there is nobody left to wait for.
const FREE: Reply = Reply::Free { vacancy: Vacancy::Open, record: 0 };

#[derive(Debug, Default)]
struct Held {
    lock: Option<Lock>,
    /// The lease that has the lock, and under which token; none while a lock that was taken over is not yet claimed.
    claimed: Option<(Lease, u64)>,
    last_lease: Lease,
    ttl: Duration,
}

impl FileStore {
    /// An election about this file. Nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let tokens = TokenFile::beside(&path);
        Self { path, tokens, held: Arc::default() }
    }

    /// The same by a [descriptor](FileStore::descriptor) of the lock that a former store had, which is free only when this one is
    /// closed too: the next claim goes on with the former token.
    ///
    /// # Errors
    ///
    /// It is no descriptor of that file, or another has the lock.
    pub fn adopt(path: impl Into<PathBuf>, descriptor: OwnedFd) -> Result<Self, StoreError> {
        let store = Self::new(path);
        let lock = Lock::adopt(&store.path, descriptor)?;
        store.held().lock = Some(lock);
        Ok(store)
    }

    /// A duplicate of the lock's descriptor, closed on exec, while the lock is held.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors.
    pub fn descriptor(&self) -> std::io::Result<Option<OwnedFd>> {
        self.held().lock.as_ref().map(Lock::duplicate).transpose()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn another_holds_it(&self) -> Result<Reply, StoreError> {
        // Before the first leader has written it, there is a holder without a name.
        let (token, of) = self.tokens.read()?.unwrap_or((0, "?".to_owned()));
        Ok(Reply::Held { of, token, record: 0, revision: 0 })
    }

    fn claim(&self, held: &mut Held, lease: Lease, name: &str) -> Result<Reply, StoreError> {
        if let Some((of, token)) = held.claimed {
            return Ok(if of == lease { Reply::Claimed { token } } else { Reply::Gone });
        }
        if lease != held.last_lease {
            return Ok(Reply::Gone);
        }
        let token = match &held.lock {
            // It was never free, so nobody has led since.
            Some(_) => {
                let written = self.tokens.read()?;
                let (token, _) = written.ok_or_else(|| self.tokens.is_missing())?;
                self.tokens.write(token, name)?;
                token
            }
            None => {
                let Some(lock) = Lock::take(&self.path)? else { return self.another_holds_it() };
                let token = match self.tokens.read()? {
                    Some((last, _)) => last.checked_add(1).ok_or_else(|| self.tokens.is_full())?,
                    None if lock.is_marked()? => return Err(self.tokens.is_missing()),
                    None => 1,
                };
                self.tokens.write(token, name)?;
                lock.mark()?;
                held.lock = Some(lock);
                token
            }
        };
        held.claimed = Some((lease, token));
        Ok(Reply::Claimed { token })
    }

    fn renew(&self, held: &mut Held, lease: Lease, token: u64) -> Result<Reply, StoreError> {
        let Some(lock) = held.lock.as_ref().filter(|_| held.claimed == Some((lease, token))) else {
            return Ok(Reply::Gone);
        };
        // A file that is not there any more keeps nobody from locking the next one of that name.
        let is_ours = lock.is_at(&self.path)
            && self.tokens.read()?.is_some_and(|(written, _)| written == token);
        if is_ours {
            return Ok(Reply::Renewed { ttl: held.ttl });
        }
        *held = Held { last_lease: held.last_lease, ..Held::default() };
        Ok(Reply::Gone)
    }
}

impl Store for FileStore {
    fn perform(&mut self, request: &Request, _within: Duration) -> Result<Reply, StoreError> {
        let mut held = self.held();
        match request {
            Request::Look if held.lock.is_some() => Ok(FREE),
            Request::Look if lock::is_free(&self.path)? => Ok(FREE),
            Request::Look => self.another_holds_it(),
            Request::Grant { ttl } => {
                held.last_lease += 1;
                held.ttl = *ttl;
                Ok(Reply::Granted { lease: held.last_lease, ttl: *ttl })
            }
            Request::Claim { lease, name, .. } => self.claim(&mut held, *lease, name),
            Request::Renew { lease, token } => self.renew(&mut held, *lease, *token),
            Request::Release { .. } => {
                *held = Held { last_lease: held.last_lease, ..Held::default() };
                Ok(Reply::Released)
            }
        }
    }

    fn watcher(&self) -> Box<dyn Watch> {
        Box::new(FileWatch::new(&self.path))
    }
}
