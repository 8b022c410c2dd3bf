//! Content ids as the AT Protocol has them: CIDv1 over SHA-256, records as DAG-CBOR.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The multicodec of raw bytes.
const RAW: u8 = 0x55;
/// The multicodec of DAG-CBOR.
const DAG_CBOR: u8 = 0x71;

/// The id of a blob.
pub(super) fn of_blob(bytes: &[u8]) -> String {
    of(RAW, bytes)
}

/// The id of a record.
pub(super) fn of_record(record: &Value) -> String {
    let mut cbor = Vec::new();
    encode(record, &mut cbor);
    of(DAG_CBOR, &cbor)
}

fn of(codec: u8, bytes: &[u8]) -> String {
    let mut cid = vec![1, codec, 0x12, 0x20];
    cid.extend(Sha256::digest(bytes));
    format!("b{}", base32(&cid))
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::new();
    let (mut held, mut count) = (0_u32, 0);
    let mut put = |five: u32| {
        let index = usize::try_from(five & 31).unwrap_or_default();
        text.push(LETTERS.get(index).map_or('a', |letter| char::from(*letter)));
    };
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            put(held >> count);
        }
        held &= (1 << count) - 1;
    }
    if count > 0 {
        put(held << (5 - count));
    }
    text
}

fn unbase32(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut held, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let five = match letter {
            b'a'..=b'z' => letter - b'a',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => continue,
        };
        held = (held << 5) | u32::from(five);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((held >> count) & 0xff).unwrap_or_default());
            held &= (1 << count) - 1;
        }
    }
    bytes
}

/// A major type with its argument, in the shortest form.
fn head(major: u8, argument: u64, cbor: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => cbor.push(major | u8::try_from(argument).unwrap_or_default()),
        24..=0xff => cbor.extend([major | 24, u8::try_from(argument).unwrap_or_default()]),
        0x100..=0xffff => {
            cbor.push(major | 25);
            cbor.extend(u16::try_from(argument).unwrap_or_default().to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            cbor.push(major | 26);
            cbor.extend(u32::try_from(argument).unwrap_or_default().to_be_bytes());
        }
        _ => {
            cbor.push(major | 27);
            cbor.extend(argument.to_be_bytes());
        }
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn encode(value: &Value, cbor: &mut Vec<u8>) {
    match value {
        Value::Null => cbor.push(0xf6),
        Value::Bool(flag) => cbor.push(if *flag { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(positive), _) => head(0, positive, cbor),
            (None, Some(negative)) => head(1, u64::try_from(-1 - negative).unwrap_or_default(), cbor),
            // The data model has no floats; the lexicon check refuses them before this.
            (None, None) => cbor.push(0xf6),
        },
        Value::String(text) => {
            head(3, length(text.len()), cbor);
            cbor.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, length(items.len()), cbor);
            items.iter().for_each(|item| encode(item, cbor));
        }
        Value::Object(object) => {
            if let (1, Some(Value::String(link))) = (object.len(), object.get("$link")) {
                // Tag 42: the id's bytes behind a zero.
                head(6, 42, cbor);
                let mut bytes = vec![0];
                bytes.extend(unbase32(link.strip_prefix('b').unwrap_or(link)));
                head(2, length(bytes.len()), cbor);
                cbor.extend(bytes);
                return;
            }
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
            head(5, length(entries.len()), cbor);
            for (key, value) in entries {
                encode(&Value::String(key.clone()), cbor);
                encode(value, cbor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_ids_come_out() {
        // The CID of empty bytes, and of an empty DAG-CBOR map, as IPFS tools print them.
        assert_eq!(
            of_blob(b""),
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
        );
        assert_eq!(
            of_record(&json!({})),
            "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"
        );
    }

    #[test]
    fn keys_are_ordered_by_length_and_links_are_tagged() {
        let mut cbor = Vec::new();
        encode(&json!({ "bb": 1, "a": -1, "c": [true, null, 500] }), &mut cbor);
        assert_eq!(
            cbor,
            [
                0xa3, 0x61, b'a', 0x20, 0x61, b'c', 0x83, 0xf5, 0xf6, 0x19, 1, 0xf4, 0x62, b'b', b'b', 1
            ]
        );
        let link = of_blob(b"x");
        let mut cbor = Vec::new();
        encode(&json!({ "$link": link }), &mut cbor);
        assert_eq!(cbor[..6], [0xd8, 42, 0x58, 37, 0, 1]);
        assert_eq!(format!("b{}", base32(&unbase32(&link[1..]))), link);
    }
}
