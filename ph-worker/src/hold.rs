//! Work in hand: a job, or a connection, which also counts in the sum of all workers.

use std::sync::Arc;

use crate::post::Post;

/// One piece of work that this worker holds. Gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    post: Arc<Post>,
    connection: bool,
}

impl Hold {
    /// Takes a job; `None` when the master has retired this worker.
    pub(crate) fn of_job(post: &Arc<Post>) -> Option<Self> {
        let taken = post.slot.claim().take();
        taken.then(|| Self { post: Arc::clone(post), connection: false })
    }

    /// The hold on a connection that the claim has counted already.
    pub(crate) fn of_connection(post: &Arc<Post>) -> Self {
        post.slot.open_connection();
        post.board.count_connections(1);
        Self { post: Arc::clone(post), connection: true }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.connection {
            self.post.slot.close_connection();
            self.post.board.count_connections(-1);
        }
        self.post.slot.claim().release();
    }
}
