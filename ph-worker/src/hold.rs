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

    /// The same on one that another worker has handed on. Those of the same `master` have kept it in the sum of all.
    pub(crate) fn of_moved(post: &Arc<Post>, master: u32) -> Self {
        post.slot.open_connection();
        if master != post.master {
            post.board.count_connections(1);
        }
        Self { post: Arc::clone(post), connection: true }
    }

    /// The connection was handed on: it stays in the sum of all, or those who take their share of it would take it for
    /// less than it is.
    pub(crate) fn hand_on(mut self) {
        self.connection = false;
        self.post.slot.close_connection();
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
