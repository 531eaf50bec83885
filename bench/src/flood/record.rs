//! What the streams of a board sent: kept once, compared byte by byte with what every further client receives.

use crate::Outcome;
use crate::client::{FRAME_END, ServerEvent, parse_event};

/// The bytes that the quickest client received so far.
#[derive(Debug, Default)]
pub struct Record {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
}

/// How far a client has come in the record, and when.
#[derive(Debug, Default)]
pub struct Place {
    offset: usize,
    /// How much of the end of a comment was seen, while one is being passed over.
    comment: Option<usize>,
    /// When each frame was complete, in the unit of the caller.
    pub arrivals: Vec<u32>,
}

impl Record {
    /// Takes the next `piece` of the body of the client at `place`: what the record has already must be equal, the
    /// rest is new. Returns how many frames it completed.
    ///
    /// Comments stand between frames and begin a piece of their own; they are passed over.
    pub fn take(&mut self, place: &mut Place, piece: &[u8], at: u32) -> Outcome<usize> {
        let is_between = place.offset == self.end_of(place.arrivals.len());
        if is_between && place.comment.is_none() && piece.first() == Some(&b':') {
            place.comment = Some(0);
        }
        let piece = place.pass_over_comment(piece);
        let known = piece.len().min(self.bytes.len() - place.offset);
        let (old, new) = piece.split_at(known);
        if self.bytes[place.offset..place.offset + known] != *old {
            return Err(format!(
                "a client got something else than the first one after {} events",
                place.arrivals.len()
            )
            .into());
        }
        self.append(new);
        place.offset += piece.len();
        let before = place.arrivals.len();
        let complete = self.ends[before..].iter().take_while(|end| **end <= place.offset).count();
        place.arrivals.resize(before + complete, at);
        Ok(complete)
    }

    /// Where the first `frames` frames end.
    fn end_of(&self, frames: usize) -> usize {
        frames.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    fn append(&mut self, new: &[u8]) {
        if new.is_empty() {
            return;
        }
        let mut from = self.end_of(self.ends.len());
        // The mark may have begun in an earlier piece.
        let mut look = from.max((self.bytes.len() + 1).saturating_sub(FRAME_END.len()));
        self.bytes.extend_from_slice(new);
        while let Some(found) = self.bytes[look..].windows(FRAME_END.len()).position(|end| end == FRAME_END) {
            from = look + found + FRAME_END.len();
            self.ends.push(from);
            look = from;
        }
    }

    /// The events, in order.
    pub fn events(&self) -> Outcome<Vec<ServerEvent>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let frames = starts.zip(&self.ends).map(|(start, end)| parse_event(&self.bytes[start..*end]));
        let events: Vec<_> = frames.collect::<Outcome<Vec<_>>>()?.into_iter().flatten().collect();
        match self.end_of(self.ends.len()) == self.bytes.len() && events.len() == self.ends.len() {
            true => Ok(events),
            false => Err("a stream broke off inside of an event".into()),
        }
    }
}

impl Place {
    fn pass_over_comment<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let Some(mut seen) = self.comment else { return piece };
        for (at, byte) in piece.iter().enumerate() {
            seen = match *byte == FRAME_END[seen] {
                true => seen + 1,
                // The mark begins with its only carriage return that follows anything but a line end.
                false => usize::from(*byte == FRAME_END[0]),
            };
            if seen == FRAME_END.len() {
                self.comment = None;
                return &piece[at + 1..];
            }
        }
        self.comment = Some(seen);
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"id: 7\r\ndata: a\r\n\r\nid: 8\r\ndata: b\r\n\r\n";

    fn place_after(record: &mut Record, pieces: &[&[u8]]) -> Outcome<Place> {
        let mut place = Place::default();
        for (at, piece) in pieces.iter().enumerate() {
            record.take(&mut place, piece, at as u32)?;
        }
        Ok(place)
    }

    #[test]
    fn frames_are_counted_wherever_they_are_cut() {
        for cut in 0..=TWO.len() {
            let mut record = Record::default();
            let (before, after) = TWO.split_at(cut);
            let first = place_after(&mut record, &[before, after]).expect("the first one is always right");
            let second = place_after(&mut record, &[TWO]).expect("the same bytes");
            assert_eq!(first.arrivals.len(), 2, "cut at {cut}");
            assert_eq!(second.arrivals, [0, 0], "cut at {cut}");
            let ids: Vec<_> = record.events().expect("whole events").iter().map(|event| event.id).collect();
            assert_eq!(ids, [7, 8], "cut at {cut}");
        }
    }

    #[test]
    fn comments_are_passed_over_wherever_they_are_cut() {
        let comment = b": ping \r\r\n\r\n";
        for cut in 1..comment.len() {
            let mut record = Record::default();
            let place = place_after(&mut record, &[&comment[..cut], &comment[cut..], TWO]).expect("right");
            assert_eq!(place.arrivals, [2, 2], "cut at {cut}");
            assert!(
                place_after(&mut record, &[&TWO[..18], &comment[..cut], &comment[cut..], &TWO[18..]]).is_ok()
            );
        }
    }

    #[test]
    fn what_is_lost_doubled_swapped_or_altered_is_found() {
        let (one, other) = TWO.split_at(18);
        for bad in [[other, one], [one, one], [one, b"id: 8\r\ndata: c\r\n\r\n"]] {
            let mut record = Record::default();
            place_after(&mut record, &[TWO]).expect("the first one is always right");
            assert!(place_after(&mut record, &bad).is_err(), "{bad:?}");
        }
        let mut record = Record::default();
        place_after(&mut record, &[TWO]).expect("the first one is always right");
        assert_eq!(place_after(&mut record, &[one]).expect("so far right").arrivals.len(), 1);
        let cut_off = place_after(&mut record, &[TWO, b"id: 9"]).expect("new");
        assert_eq!(cut_off.arrivals.len(), 2);
        assert!(record.events().is_err());
    }
}
