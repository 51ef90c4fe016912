//! What one thread has read, for another that is about to read the same: it is unpacked once, and checked once.
//!
//! Knows nothing of what it is read for.

use std::collections::HashMap;
use std::sync::Arc;

use git2::Oid;

/// So many bytes are noted at most; whoever needs more reads it.
const MOST: usize = 4 << 20;

/// Objects that are what their names say.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    by_id: HashMap<Oid, Arc<[u8]>>,
    weight: usize,
}

impl Noted {
    pub(super) fn note(&mut self, id: Oid, bytes: &[u8]) {
        if self.weight + bytes.len() <= MOST {
            self.weight += bytes.len();
            self.by_id.insert(id, bytes.into());
        }
    }

    pub(super) fn get(&self, id: Oid) -> Option<Arc<[u8]>> {
        self.by_id.get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_noted_than_there_is_room_for() {
        let (small, large) = (Oid::from_bytes(&[1; 20]).unwrap(), Oid::from_bytes(&[2; 20]).unwrap());
        let mut noted = Noted::default();
        noted.note(large, &vec![0; MOST + 1]);
        noted.note(small, b"small");
        assert_eq!(noted.get(small).as_deref(), Some(&b"small"[..]));
        assert_eq!(noted.get(large), None);
    }
}
