//! How does an id come about without a crate? A UUID v4 from the system's random bytes.

use std::fs::File;
use std::io::Read;

/// A fresh UUID v4 as its 36-character text. Panics if the system gives no random bytes.
pub fn new_v4() -> String {
    let mut bytes = [0u8; 16];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("/dev/urandom can be read");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::new_v4;

    #[test]
    fn an_id_has_the_version_and_the_variant_of_a_uuid_v4() {
        let id = new_v4();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_ne!(id, new_v4());
    }
}
