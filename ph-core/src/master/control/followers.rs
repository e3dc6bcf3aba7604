//! Clients that are told of events as they happen. One that does not read loses events, with a count; nobody waits for it.

use ph_rpc::{Session, Value};
use serde::{Deserialize, Serialize};

use super::{Client, Control};
use crate::master::poll::Poll;

/// The notification's method.
const METHOD: &str = "event";
/// Bytes that a follower may leave unread before it loses events.
const MOST_UNREAD: usize = 64 << 10;

/// How a client follows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Following {
    /// Events that it was not told of since the last that it was.
    lost: u64,
}

impl Control {
    /// From here on this client is told of each event.
    pub(in crate::master) fn follow(&mut self, id: u64) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.follows.get_or_insert_default();
        }
    }

    pub(in crate::master) fn has_followers(&self) -> bool {
        self.clients.values().any(|client| client.follows.is_some())
    }

    /// Tells it to all who follow.
    pub(in crate::master) fn tell_followers(&mut self, poll: &Poll, event: &Value) {
        let mut told = Vec::new();
        for (&id, client) in &mut self.clients {
            let full = client.session.output().len() > MOST_UNREAD;
            let Some(following) = &mut client.follows else { continue };
            if full || following.lost > 0 {
                following.lost += 1;
            } else {
                tell(&mut client.session, event);
                told.push(id);
            }
        }
        for id in told {
            self.flush(id, poll);
        }
    }
}

impl Client {
    /// Tells a follower that has read everything how much it has missed.
    pub(super) fn catch_up(&mut self) {
        if let Some(Following { lost }) = &mut self.follows
            && self.session.output().is_empty()
            && *lost > 0
        {
            let fields = vec![("event".into(), "lost".into()), ("count".into(), (*lost).into())];
            tell(&mut self.session, &Value::Map(fields));
            *lost = 0;
        }
    }
}

fn tell(session: &mut Session, event: &Value) {
    // A list of one value is one that can be written.
    let _ = session.notify(METHOD, &[event]);
}
