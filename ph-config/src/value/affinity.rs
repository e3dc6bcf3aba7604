//! Which CPUs a worker runs on.

use std::{fmt, str::FromStr};

use super::{Term, ValueError, digits};

/// The number behind the last CPU that `cpu_set_t` has a bit for.
const CPUS: u32 = 1024;

/// How workers are bound to CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CpuAffinity {
    /// Not at all.
    None,
    /// Worker i to the i-th allowed CPU, round and round.
    Auto,
    /// Worker i to the i-th list, round and round. No list is empty; each is ascending.
    Lists(Vec<Vec<u32>>),
}

impl FromStr for CpuAffinity {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim().to_lowercase().as_str() {
            "" | "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            lists => {
                let lists: Option<Vec<_>> = lists.split(';').map(list).collect();
                lists.map(Self::Lists).ok_or_else(Self::mismatch)
            }
        }
    }
}

/// `0-1,4`
fn list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (digits::<u32>(first.trim())?, digits::<u32>(last.trim())?);
        if first > last || last >= CPUS {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

impl fmt::Display for CpuAffinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("none"),
            Self::Auto => f.pad("auto"),
            Self::Lists(lists) => {
                let lists: Vec<String> = lists.iter().map(|cpus| ranges(cpus)).collect();
                f.pad(&lists.join(";"))
            }
        }
    }
}

fn ranges(cpus: &[u32]) -> String {
    let neighbours = cpus.chunk_by(|a, b| a + 1 == *b);
    let shown: Vec<String> = neighbours
        .map(|run| match run {
            [one] => one.to_string(),
            run => format!("{}-{}", run[0], run[run.len() - 1]),
        })
        .collect();
    shown.join(",")
}

impl Term for CpuAffinity {
    const EXPECTED: &'static str =
        "none, auto, or lists of CPUs from 0 to 1023, one for each worker: 0-1;2-3";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_print_again_in_order() {
        let affinity: CpuAffinity = "0-1; 5,2-3,3 ;1023".parse().unwrap();
        let lists = vec![vec![0, 1], vec![2, 3, 5], vec![1023]];
        assert_eq!(affinity, CpuAffinity::Lists(lists));
        assert_eq!(affinity.to_string(), "0-1;2-3,5;1023");
        assert_eq!(affinity.to_string().parse(), Ok(affinity));
        assert_eq!("None".parse(), Ok(CpuAffinity::None));
        assert_eq!("AUTO".parse(), Ok(CpuAffinity::Auto));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in ["0;", ";", "a", "3-1", "0-1024", "1,", "-1", "0-", "0 1", "0-4294967295"] {
            assert!(bad.parse::<CpuAffinity>().is_err(), "{bad}");
        }
    }
}
