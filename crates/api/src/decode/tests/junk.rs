//! Whatever arrives, the answer is a value or a documented fault, never a panic.

use serde_json::{Value as Json, json};

use super::super::{BodyFault, decode_body, decode_query};
use super::{Sample, Update};
use crate::page::Paging;

/// A small deterministic generator (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap_or_default()
    }

    fn value(&mut self, depth: usize) -> Json {
        match self.roll(if depth == 0 { 8 } else { 10 }) {
            0 => Json::Null,
            1 => json!(self.roll(2) == 0),
            2 => json!(self.0),
            3 => json!(self.0 as i64),
            4 => json!(f64::from_bits(self.0)),
            5 => json!("2030-01-01T00:00:00Z"),
            6 => {
                json!(["", "\0", "ä\u{1F600}", "96a4af19-8efc-4b52-a351-2e2450f92737", "1e999"][self.roll(5)])
            }
            7 => json!("x".repeat(self.roll(60_000))),
            8 => (0..self.roll(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> Json {
        const KEYS: [&str; 14] = [
            "name",
            "short",
            "count",
            "confidence",
            "active",
            "agent",
            "at",
            "link",
            "ids",
            "inner",
            "title",
            "due_at",
            "custom_field_values",
            "\0",
        ];
        let fields = (0..self.roll(8)).map(|_| {
            let key = KEYS[self.roll(KEYS.len())];
            (key.to_owned(), self.value(depth))
        });
        Json::Object(fields.collect())
    }

    /// Changes, cuts or doubles some bytes.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.roll(4) {
            if bytes.is_empty() {
                return;
            }
            let at = self.roll(bytes.len());
            match self.roll(3) {
                0 => bytes[at] = self.roll(256) as u8,
                1 => bytes.truncate(at),
                _ => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend(tail);
                }
            }
        }
    }
}

fn is_documented(fault: &BodyFault) -> bool {
    match fault {
        BodyFault::Unreadable => true,
        BodyFault::Invalid(problems) => {
            !problems.is_empty() && problems.iter().all(|one| one.loc[0] == "body" && !one.msg.is_empty())
        }
    }
}

#[test]
fn junk_bodies_and_queries_never_panic() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut good, mut bad) = (0, 0);
    for round in 0..2_000 {
        let mut bytes = dice.object(3).to_string().into_bytes();
        dice.spoil(&mut bytes);
        let json = dice.roll(8) > 0;
        let results =
            [decode_body::<Sample>(json, &bytes).map(drop), decode_body::<Update>(json, &bytes).map(drop)];
        for result in results {
            match result {
                Ok(()) => good += 1,
                Err(fault) => {
                    bad += 1;
                    assert!(is_documented(&fault), "round {round}: {fault:?}");
                }
            }
        }
        let raw = String::from_utf8_lossy(&bytes).into_owned();
        let query = decode_query::<Paging>(Some(&format!("limit={raw}&{raw}")));
        assert!(query.map_or_else(|found| !found.is_empty(), |paging| paging.limit.0 >= 1));
    }
    assert!(good > 100 && bad > 100, "the junk is too uniform: {good} good, {bad} bad");
}
