//! The hash that names reports and profiles.

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    // A report of 20,000 measurements asks for as many names of series: no formatter for each byte.
    sha2::Sha256::digest(bytes)
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .filter_map(|half| char::from_digit(u32::from(half), 16))
        .collect()
}
