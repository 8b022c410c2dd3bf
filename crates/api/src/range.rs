//! One byte range of a file (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header asks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All of it: there is no header, or none that is understood here (several ranges, another unit).
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Outside,
}

/// What `header` asks of a file of `total` bytes.
pub(crate) fn asked(header: Option<&str>, total: u64) -> Asked {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let Some((first, last)) = spec.split_once('-').map(|(first, last)| (first.trim(), last.trim())) else {
        return Asked::Whole;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => Asked::Whole,
        (Ok(first), Ok(last)) if first < total => Asked::Part(first..last.saturating_add(1).min(total)),
        (Ok(first), Err(_)) if last.is_empty() && first < total => Asked::Part(first..total),
        (Err(_), Ok(0)) if first.is_empty() => Asked::Outside,
        (Err(_), Ok(suffix)) if first.is_empty() && total > 0 => Asked::Part(total.saturating_sub(suffix)..total),
        (Ok(_), Ok(_)) => Asked::Outside,
        (Ok(_), Err(_)) if last.is_empty() => Asked::Outside,
        (Err(_), Ok(_)) if first.is_empty() => Asked::Outside,
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file_and_refused_beyond_it() {
        let of_ten = |header| asked(Some(header), 10);
        assert_eq!(asked(None, 10), Asked::Whole);
        assert_eq!(of_ten("bytes=0-3"), Asked::Part(0..4));
        assert_eq!(of_ten("bytes=9-9"), Asked::Part(9..10));
        assert_eq!(of_ten("bytes=4-"), Asked::Part(4..10));
        assert_eq!(of_ten("bytes=4-99"), Asked::Part(4..10));
        assert_eq!(of_ten("bytes=-3"), Asked::Part(7..10));
        assert_eq!(of_ten("bytes=-99"), Asked::Part(0..10));
        for outside in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(of_ten(outside), Asked::Outside, "{outside}");
        }
        assert_eq!(asked(Some("bytes=-3"), 0), Asked::Outside);
    }

    #[test]
    fn what_is_not_one_byte_range_asks_for_the_whole_file() {
        for header in [
            "",
            "items=0-1",
            "bytes=",
            "bytes=-",
            "bytes=3-1",
            "bytes=0-1,4-5",
            "bytes=a-b",
            "bytes=1",
        ] {
            assert_eq!(asked(Some(header), 10), Asked::Whole, "{header}");
        }
    }
}
