//! The master's side: every worker's page, and the sums of those that have ended.

use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};

use ph_rpc::Value;

use super::{BROKEN, Figures, METHODS, OTHERS, REFUSED, Record, SIZE};
use crate::slots;
use crate::sys::SysError;
use crate::sys::shared::SharedFile;

const MAGIC: u64 = u64::from_ne_bytes(*b"PHCALLS\0");
const VERSION: u32 = 1;

/// Names that are summed up apart, of all that workers have ever shown.
const MOST_NAMES: usize = 1024;

/// Sums by a method's name.
pub type Sums = BTreeMap<String, Figures>;

/// The pages of all workers, of which only those that are written to exist.
#[derive(Debug)]
pub struct CallTable {
    file: SharedFile<Record>,
    ended: Sums,
}

impl CallTable {
    /// Pages for as many workers as there can be.
    pub fn create() -> Result<Self, SysError> {
        let file = SharedFile::sealed(c"ph-calls", slots::COUNT * METHODS, &header())?;
        Ok(Self { file, ended: Sums::new() })
    }

    /// Those of the program that this process was before, with what it had summed up. Refused if that had another layout.
    pub fn adopt(fd: OwnedFd, ended: Sums) -> Result<Self, SysError> {
        let file = SharedFile::adopt(fd, slots::COUNT * METHODS, &header())?;
        Ok(Self { file, ended })
    }

    /// The memory, for another program that goes on with it.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.fd()
    }

    /// What was summed up of workers that have ended.
    pub fn ended(&self) -> &Sums {
        &self.ended
    }

    /// The page of the worker at this place, mapped: to be called in that worker, while it has the descriptor.
    pub fn page(&self, cell: usize) -> Result<&'static [Record], SysError> {
        self.file.window(cell * METHODS, METHODS)
    }

    /// The worker at this place is gone: its figures go into the sum, and its page is the next one's.
    pub fn close(&mut self, cell: usize) {
        let figures = self.read(cell);
        if !figures.is_empty() {
            add(&mut self.ended, figures);
            self.file.clear(cell * METHODS, METHODS);
        }
    }

    /// Everything that was counted, with the workers at these places, as `status` tells it.
    pub fn status(&self, cells: impl Iterator<Item = usize>) -> Value {
        let mut sums = self.ended.clone();
        cells.for_each(|cell| add(&mut sums, self.read(cell)));
        let mut count = |name| sums.remove(name).map_or(0, |figures: Figures| figures.calls());
        let (refused, broken) = (count(REFUSED), count(BROKEN));
        let methods = sums.iter().map(|(name, figures)| {
            let mut fields = vec![("name".into(), name.as_str().into())];
            fields.extend(figures.fields());
            Value::Map(fields)
        });
        Value::Map(vec![
            ("methods".into(), Value::Array(methods.collect())),
            ("refused".into(), refused.into()),
            ("broken".into(), broken.into()),
        ])
    }

    /// The records of one page, up to the first without a name.
    fn read(&self, cell: usize) -> Vec<(String, Figures)> {
        let mut read = Vec::new();
        let mut words = [0; SIZE / 8];
        for record in 0..METHODS {
            if self.file.read(cell * METHODS + record, &mut words).is_err() {
                break;
            }
            let Some(figures) = Figures::of(&words) else { break };
            read.push(figures);
        }
        read
    }
}

fn add(sums: &mut Sums, figures: Vec<(String, Figures)>) {
    for (name, figures) in figures {
        let known = sums.len() < MOST_NAMES || sums.contains_key(&name);
        let name = if known { name } else { OTHERS.to_owned() };
        sums.entry(name).or_default().add(&figures);
    }
}

fn header() -> Vec<u8> {
    let mut header = Vec::with_capacity(20);
    header.extend_from_slice(&MAGIC.to_ne_bytes());
    for field in [VERSION, SIZE as u32, (slots::COUNT * METHODS) as u32] {
        header.extend_from_slice(&field.to_ne_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(map: &'a Value, name: &str) -> &'a Value {
        let fields = map.as_map().unwrap();
        &fields.iter().find(|(key, _)| key.as_str() == Some(name)).unwrap().1
    }

    #[test]
    fn what_workers_write_is_read_and_outlives_them() {
        let mut table = CallTable::create().unwrap();
        for cell in [0, slots::COUNT - 1] {
            let page = table.page(cell).unwrap();
            page[0].set_name(REFUSED);
            page[1].set_name("add");
            page[0].count(true);
            page[1].count(false);
            page[1].count(true);
            page[1].took(2, 5_000_000);
        }
        let look = |table: &CallTable, cells: &[usize], calls: u64, refused: u64| {
            let status = table.status(cells.iter().copied());
            assert_eq!(get(&status, "refused"), &refused.into());
            let add = &get(&status, "methods").as_array().unwrap()[0];
            assert_eq!(get(add, "name"), &"add".into());
            assert_eq!(get(add, "calls"), &calls.into());
            assert_eq!(get(add, "errors"), &(calls / 2).into());
            let latency = get(add, "latency");
            assert_eq!(get(latency, "max_s"), &0.005.into());
            assert_eq!(get(latency, "p99_s"), &0.005.into());
        };
        look(&table, &[0], 2, 1);
        look(&table, &[0, slots::COUNT - 1], 4, 2);
        table.close(0);
        look(&table, &[slots::COUNT - 1], 4, 2);
        // The next one's page is empty, and is counted beside what was.
        look(&table, &[0, slots::COUNT - 1], 4, 2);
        table.close(slots::COUNT - 1);
        table.close(slots::COUNT - 1);
        look(&table, &[], 4, 2);
    }

    #[test]
    fn names_that_never_end_are_bounded() {
        let mut table = CallTable::create().unwrap();
        for round in 0..20 {
            let page = table.page(3).unwrap();
            for (number, record) in page.iter().enumerate() {
                record.set_name(&format!("{round} {number}"));
                record.count(false);
            }
            table.close(3);
        }
        assert!(table.ended().len() <= MOST_NAMES + 1);
        assert_eq!(table.ended().values().map(Figures::calls).sum::<u64>(), 20 * METHODS as u64);
    }
}
