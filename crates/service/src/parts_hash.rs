//! The hash of a list of parts. Each is hashed with its length, so that no two lists of parts are one text.

use sha2::{Digest, Sha256};

/// A hash that parts are added to.
#[derive(Default)]
pub(crate) struct PartsHash(Sha256);

impl PartsHash {
    pub(crate) fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::PartsHash;

    fn hash(parts: &[&str]) -> [u8; 32] {
        let mut hash = PartsHash::default();
        for part in parts {
            hash.add(part.as_bytes());
        }
        hash.finish()
    }

    #[test]
    fn where_a_part_ends_makes_a_difference() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["a", ""]), hash(&["a"]));
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
    }
}
