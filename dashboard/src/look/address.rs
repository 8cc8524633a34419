//! Percent-encoding in addresses and forms.

/// Percent-decoding; what is no text becomes the replacement character.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(b) => {
                out.push(b);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a form says under a name, the first where it says several things.
pub(crate) fn field(form: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(form);
    let mut pairs = text.split('&').filter_map(|p| p.split_once('='));
    let (_, value) = pairs.find(|(n, _)| *n == name)?;
    Some(decode(&value.replace('+', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collector::report::links::encode;

    #[test]
    fn decoding_undoes_encoding() {
        for text in ["a b&c=d", "é\u{202e}", "100%", "%zz", "<script>"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("%ff"), "\u{fffd}");
        assert_eq!(decode("%é"), "%é");
    }
}
