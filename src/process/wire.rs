//! What the runner and a shim say to each other: one byte an order, one line a report.
//!
//! Pure: knows nothing of sockets or processes.

use super::spec::{How, Leak, Survived};

/// From the runner to the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// TERM, grace, KILL.
    Gently,
    /// KILL.
    AtOnce,
    /// STOP the tree and the timers.
    Pause,
    /// CONT.
    Resume,
}

impl Order {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Gently => b'g',
            Self::AtOnce => b'k',
            Self::Pause => b'p',
            Self::Resume => b'r',
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'g' => Some(Self::Gently),
            b'k' => Some(Self::AtOnce),
            b'p' => Some(Self::Pause),
            b'r' => Some(Self::Resume),
            _ => None,
        }
    }
}

/// What a shim reports when everything is over. Text without the last line, `done`, is a shim that was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) how: How,
    pub(super) millis: u64,
    pub(super) leak: Option<Leak>,
}

impl Report {
    pub(super) fn to_text(&self) -> String {
        let how = match &self.how {
            How::Exited(code) => format!("exited {code}"),
            How::Signalled(signal) => format!("signalled {signal}"),
            How::TimedOut => "timed-out".to_owned(),
            How::Stopped => "stopped".to_owned(),
            How::NotStarted(reason) => format!("not-started {}", one_line(reason)),
        };
        let mut text = format!("{how}\nmillis {}\n", self.millis);
        if let Some(leak) = &self.leak {
            let word = if leak.survived == Survived::Nothing { "ended" } else { "survived" };
            text.push_str(&format!("leak {word} {}\n", leak.count));
            for name in &leak.processes {
                text.push_str(&format!("process {}\n", one_line(name)));
            }
        }
        text.push_str("done\n");
        text
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut report = Self { how: How::Stopped, millis: 0, leak: None };
        let mut how = None;
        for line in text.strip_suffix("done\n")?.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "exited" => how = Some(How::Exited(rest.parse().ok()?)),
                "signalled" => how = Some(How::Signalled(rest.parse().ok()?)),
                "timed-out" => how = Some(How::TimedOut),
                "stopped" => how = Some(How::Stopped),
                "not-started" => how = Some(How::NotStarted(rest.to_owned())),
                "millis" => report.millis = rest.parse().ok()?,
                "leak" => report.leak = Some(parse_leak(rest)?),
                "process" => report.leak.as_mut()?.processes.push(rest.to_owned()),
                _ => return None,
            }
        }
        report.how = how?;
        Some(report)
    }
}

fn parse_leak(rest: &str) -> Option<Leak> {
    let (word, count) = rest.split_once(' ')?;
    let survived = if word == "ended" { Survived::Nothing } else { Survived::Something };
    Some(Leak { processes: Vec::new(), count: count.parse().ok()?, survived })
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_reads_back_and_a_cut_one_does_not() {
        let leak = Leak { processes: vec!["sleep".into(), "a b".into()], count: 9, survived: Survived::Something };
        for (how, leak) in [
            (How::Exited(0), None),
            (How::Exited(255), Some(leak)),
            (How::Signalled(11), None),
            (How::TimedOut, None),
            (How::Stopped, None),
            (How::NotStarted("no such file".into()), None),
        ] {
            let report = Report { how, millis: 12, leak };
            let text = report.to_text();
            assert_eq!(Report::parse(&text).as_ref(), Some(&report));
            for cut in 0..text.len() {
                assert_eq!(Report::parse(&text[..cut]), None, "cut at {cut}");
            }
        }
    }

    #[test]
    fn every_order_reads_back() {
        for order in [Order::Gently, Order::AtOnce, Order::Pause, Order::Resume] {
            assert_eq!(Order::from_byte(order.byte()), Some(order));
        }
        assert_eq!(Order::from_byte(0), None);
    }
}
