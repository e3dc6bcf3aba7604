//! What is counted of each method's calls, on the worker's page of the table that it shares with the master.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use ph_core::calls::{BROKEN, OTHERS, REFUSED, Record};
use ph_rpc::service::Outcome;
use ph_rpc::{MethodInfo, Ticket};

/// Records of what is no call of a method.
const OTHER: usize = 2;

/// The page, and the calls of the batch under way: those that are dispatched in one go are answered in one go, so they take
/// the same time, which is read from the clock once.
#[derive(Debug)]
pub(super) struct Counts {
    page: &'static [Record],
    batch: Box<[Cell<u32>]>,
    /// The records that the batch has calls of.
    touched: RefCell<Vec<usize>>,
}

impl Counts {
    /// For a service of these methods: a record for each, as far as there are records.
    pub(super) fn new<'m>(
        page: &'static [Record],
        methods: impl ExactSizeIterator<Item = &'m MethodInfo>,
    ) -> Self {
        let too_many = methods.len() + OTHER > page.len();
        let names = methods.map(|method| method.name.as_str());
        for (record, name) in page.iter().zip([REFUSED, BROKEN].into_iter().chain(names)) {
            record.set_name(name);
        }
        if let Some(last) = page.last().filter(|_| too_many) {
            last.set_name(OTHERS);
        }
        let batch = page.iter().map(|_| Cell::new(0)).collect();
        Self { page, batch, touched: RefCell::new(Vec::with_capacity(page.len())) }
    }

    /// A call of the batch is answered.
    #[inline]
    pub(super) fn answered(&self, ticket: Ticket, outcome: Outcome) {
        let Some((place, record)) = self.of(ticket) else { return };
        record.count(outcome.is_err());
        let before = self.batch[place].replace(self.batch[place].get() + 1);
        if before == 0 {
            self.touched.borrow_mut().push(place);
        }
    }

    /// The batch is over, and took so long.
    pub(super) fn end_batch(&self, took: Duration) {
        for place in self.touched.borrow_mut().drain(..) {
            let count = self.batch[place].take();
            self.page[place].took(count.into(), took.as_nanos() as u64);
        }
    }

    /// A call that waited is answered.
    pub(super) fn ended(&self, ticket: Ticket, outcome: Outcome, took: Duration) {
        if let Some((_, record)) = self.of(ticket) {
            record.count(outcome.is_err());
            record.took(1, took.as_nanos() as u64);
        }
    }

    /// A call that waited was given up at `timeout`.
    pub(super) fn timed_out(&self, ticket: Ticket, took: Duration) {
        self.ended(ticket, Err(ph_rpc::code::FAILED), took);
        if let Some((_, record)) = self.of(ticket) {
            record.count_timeout();
        }
    }

    /// A message came to no method.
    pub(super) fn refused(&self) {
        if let Some(record) = self.page.first() {
            record.count(true);
        }
    }

    /// A connection is closed because what came is not the protocol.
    pub(super) fn broken(&self) {
        if let Some(record) = self.page.get(1) {
            record.count(true);
        }
    }

    #[inline]
    fn of(&self, ticket: Ticket) -> Option<(usize, &'static Record)> {
        let place = (ticket.method() + OTHER).min(self.page.len().saturating_sub(1));
        Some((place, self.page.get(place)?))
    }
}
