//! What goes wrong in a round.

use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::election::{COUNT, Cut, Sitting};

use crate::dice::Dice;
use crate::round::Ground;

/// What a leader is told to give way.
const RESIGN: [&str; 2] = ["leader", "resign"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillLeader,
    StopLeader,
    PauseLeader,
    KillElector,
    StopElector,
    PauseElector,
    KillMember,
    StopMember,
    KillMajority,
    StopMajority,
    KillEtcd,
    CutSilent,
    CutLoud,
    CutOne,
    KillStandby,
    StopStandby,
    CutStandby,
    Clock,
    Stop,
    Resign,
    StopHeirs,
}

/// What has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Another leads. The former leader can't have renewed its lease, so it is silent once that is over.
    Loss,
    /// Another leads, at once.
    Handover,
    /// The leader goes on, or another leads.
    Either,
    /// The leader goes on.
    Nothing,
    /// Nobody leads until etcd is back.
    Dark,
    /// The former leader leads again, with another token, and the others are silent once a lease of theirs is over.
    Return,
}

impl Fault {
    pub(crate) const ALL: [Self; 21] = [
        Self::KillLeader,
        Self::StopLeader,
        Self::PauseLeader,
        Self::KillElector,
        Self::StopElector,
        Self::PauseElector,
        Self::KillMember,
        Self::StopMember,
        Self::KillMajority,
        Self::StopMajority,
        Self::KillEtcd,
        Self::CutSilent,
        Self::CutLoud,
        Self::CutOne,
        Self::KillStandby,
        Self::StopStandby,
        Self::CutStandby,
        Self::Clock,
        Self::Stop,
        Self::Resign,
        Self::StopHeirs,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillLeader => "leader killed",
            Self::StopLeader => "leader stopped",
            Self::PauseLeader => "leader paused",
            Self::KillElector => "elector killed",
            Self::StopElector => "elector stopped",
            Self::PauseElector => "elector paused",
            Self::KillMember => "member killed",
            Self::StopMember => "member stopped",
            Self::KillMajority => "majority killed",
            Self::StopMajority => "majority stopped",
            Self::KillEtcd => "etcd killed",
            Self::CutSilent => "answers lost",
            Self::CutLoud => "no way to etcd",
            Self::CutOne => "one line cut",
            Self::KillStandby => "standby killed",
            Self::StopStandby => "standby stopped",
            Self::CutStandby => "standby cut off",
            Self::Clock => "clock stepped",
            Self::Stop => "clean stop",
            Self::Resign => "resigned",
            Self::StopHeirs => "heirs stopped",
        }
    }

    pub(crate) fn expected(self) -> Expected {
        match self {
            Self::KillLeader | Self::StopLeader | Self::CutSilent | Self::CutLoud => Expected::Loss,
            Self::Stop | Self::Resign => Expected::Handover,
            Self::PauseLeader
            | Self::KillElector
            | Self::StopElector
            | Self::PauseElector
            | Self::KillMember
            | Self::StopMember
            | Self::CutOne => Expected::Either,
            Self::KillStandby | Self::StopStandby | Self::CutStandby | Self::Clock => {
                Expected::Nothing
            }
            Self::KillMajority | Self::StopMajority | Self::KillEtcd => Expected::Dark,
            Self::StopHeirs => Expected::Return,
        }
    }

    /// Whether nothing is done to etcd's members.
    pub(crate) fn spares_etcd(self) -> bool {
        !matches!(
            self,
            Self::KillMember
                | Self::StopMember
                | Self::KillMajority
                | Self::StopMajority
                | Self::KillEtcd
        )
    }

    /// Lets it happen; how it went, in a few words.
    pub(crate) fn happen(self, ground: &mut Ground, sitting: Sitting, dice: &mut Dice) -> String {
        let field = &mut ground.field;
        let leader = sitting.leader;
        let standby = (leader + 1 + dice.below(COUNT - 1)) % COUNT;
        // Of etcd's members the one that decides has more to lose.
        let member = match field.cluster.leader() {
            Some(decides) if dice.coin() => decides,
            _ => dice.below(COUNT),
        };
        let member = match field.cluster.leader() {
            Some(decides) if self == Self::StopMember && ground.spares_decider => {
                (decides + 1 + dice.below(COUNT - 1)) % COUNT
            }
            _ => member,
        };
        let majority = [member, (member + 1) % COUNT];
        let cut = if dice.coin() { Cut::Silent } else { Cut::Loud };
        // Shorter than the lease or longer, and most often about as long.
        let pause = Duration::from_millis(300 + dice.below(2_200) as u64);
        match self {
            Self::KillLeader => field.candidates[leader].kill(),
            Self::StopLeader => field.candidates[leader].signal(Signal::SIGSTOP),
            Self::PauseLeader => {
                field.candidates[leader].signal(Signal::SIGSTOP);
                std::thread::sleep(pause);
                field.candidates[leader].signal(Signal::SIGCONT);
            }
            Self::KillElector => field.signal_elector(leader, Signal::SIGKILL),
            Self::StopElector => field.signal_elector(leader, Signal::SIGSTOP),
            Self::PauseElector => {
                field.signal_elector(leader, Signal::SIGSTOP);
                std::thread::sleep(pause);
                field.continue_electors();
            }
            Self::KillMember => field.cluster.kill(member),
            Self::StopMember => field.cluster.signal(member, Signal::SIGSTOP),
            Self::KillMajority => majority.into_iter().for_each(|it| field.cluster.kill(it)),
            Self::StopMajority => {
                majority.into_iter().for_each(|it| field.cluster.signal(it, Signal::SIGSTOP));
            }
            Self::KillEtcd => (0..COUNT).for_each(|it| field.cluster.kill(it)),
            Self::CutSilent => field.network.cut(leader, 0..COUNT, Cut::Silent),
            Self::CutLoud => field.network.cut(leader, 0..COUNT, Cut::Loud),
            Self::CutOne => field.network.cut(leader, [member], cut),
            Self::KillStandby => field.candidates[standby].kill(),
            Self::StopStandby => field.candidates[standby].signal(Signal::SIGSTOP),
            Self::CutStandby => field.network.cut(standby, 0..COUNT, cut),
            Self::Clock => {
                let seconds = [-3600, -5, 0, 5, 3600][dice.below(5)];
                field.candidates.iter().for_each(|it| it.sandbox.move_clock(seconds));
                return format!("by {seconds} s");
            }
            Self::Stop => ground.ask(leader, &["stop"]),
            Self::Resign => ground.ask(leader, &RESIGN),
            Self::StopHeirs => {
                // At any moment of a takeover: no lease yet, no worker, or one that works already.
                ground.ask(leader, &RESIGN);
                std::thread::sleep(Duration::from_millis(dice.below(60) as u64));
                for heir in (0..COUNT).filter(|it| *it != leader) {
                    ground.field.candidates[heir].signal(Signal::SIGSTOP);
                }
            }
        }
        match self {
            Self::KillMember | Self::StopMember => format!("member {}", member + 1),
            Self::PauseLeader | Self::PauseElector => {
                format!("m{} for {:.3} s", leader + 1, pause.as_secs_f64())
            }
            Self::CutOne => format!("to member {}, {cut:?}", member + 1),
            Self::CutStandby => format!("m{}, {cut:?}", standby + 1),
            Self::KillStandby | Self::StopStandby => format!("m{}", standby + 1),
            Self::KillMajority | Self::StopMajority | Self::KillEtcd => String::new(),
            _ => format!("m{}", leader + 1),
        }
    }
}
