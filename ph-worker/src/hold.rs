//! Work in hand: a connection or a job, in the worker's claim and in the sum of all workers.

use std::sync::Arc;

use crate::post::Post;

/// One piece of work that this worker holds. Gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Post>);

impl Hold {
    /// Takes one; `None` when the master has retired this worker.
    pub(crate) fn take(post: &Arc<Post>) -> Option<Self> {
        post.slot.claim().take().then(|| Self::of_taken(post))
    }

    /// The hold on what the claim has counted already.
    pub(crate) fn of_taken(post: &Arc<Post>) -> Self {
        post.board.count_connections(1);
        Self(Arc::clone(post))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.slot.claim().release();
        self.0.board.count_connections(-1);
    }
}
