//! Object ids as bytes, of either hash that git has.
//!
//! Knows nothing of what an object holds.

use crate::names::TreeId;

/// An object's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Id {
    /// 20 bytes.
    Sha1([u8; 20]),
    /// 32 bytes.
    Sha256([u8; 32]),
}

impl Id {
    /// Reads all 40 or 64 digits; none for anything else.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = text.len() / 2;
        if !matches!(text.len(), 40 | 64) {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Self::from_bytes(&bytes[..length])
    }

    /// 20 or 32 bytes; none for anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sha1 = || bytes.try_into().ok().map(Self::Sha1);
        sha1().or_else(|| bytes.try_into().ok().map(Self::Sha256))
    }

    pub(super) fn of_tree(tree: &TreeId) -> Option<Self> {
        Self::from_hex(tree.as_str())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_digits_whatever_their_number() {
        for length in [40, 64] {
            let text: String = "0123456789abcdef".chars().cycle().take(length).collect();
            assert_eq!(Id::from_hex(&text).unwrap().to_string(), text);
            assert_eq!(Id::from_hex(&text[1..]), None);
            assert_eq!(Id::from_hex(&text.replace('f', "g")), None);
            assert_eq!(Id::from_hex(&text.replace('f', "+")), None);
        }
    }
}
