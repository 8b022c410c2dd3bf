//! How long a label of a host is in ASCII.
//!
//! Counted here, and not asked of a library for names, because twitter-text takes labels that no registry would.

/// The length of a label in ASCII: its own, or that of `xn--` and its punycode (RFC 3492, 6.3).
pub(super) fn ascii_len(label: &[char]) -> usize {
    let basic = u32::try_from(label.iter().filter(|c| c.is_ascii()).count()).unwrap_or(u32::MAX);
    let total = u32::try_from(label.len()).unwrap_or(u32::MAX);
    if basic == total {
        return label.len();
    }
    let (mut code, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    let mut len = 4 + basic + u32::from(basic > 0);
    while handled < total {
        let next = label
            .iter()
            .map(|c| u32::from(*c))
            .filter(|c| *c >= code)
            .min()
            .unwrap_or(u32::MAX);
        delta = delta.saturating_add((next - code).saturating_mul(handled + 1));
        for c in label.iter().map(|c| u32::from(*c)) {
            if c < next {
                delta = delta.saturating_add(1);
            }
            if c == next {
                len += digits(delta, bias);
                bias = adapted(delta, handled + 1, handled == basic);
                (delta, handled) = (0, handled + 1);
            }
        }
        (delta, code) = (delta.saturating_add(1), next.saturating_add(1));
    }
    len as usize
}

/// How many digits a number takes under this bias.
fn digits(mut delta: u32, bias: u32) -> u32 {
    let mut digits = 1_u32;
    loop {
        let threshold = (36 * digits).saturating_sub(bias).clamp(1, 26);
        if delta < threshold {
            return digits;
        }
        delta = (delta - threshold) / (36 - threshold);
        digits += 1;
    }
}

fn adapted(delta: u32, handled: u32, is_first: bool) -> u32 {
    let mut delta = delta / if is_first { 700 } else { 2 };
    delta = delta.saturating_add(delta / handled);
    let mut bias = 0;
    while delta > 455 {
        delta /= 35;
        bias += 36;
    }
    bias + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(label: &str) -> usize {
        ascii_len(&label.chars().collect::<Vec<char>>())
    }

    #[test]
    fn the_length_is_that_of_the_written_form() {
        for (label, ascii) in [
            ("example", "example"),
            ("bücher", "xn--bcher-kva"),
            ("münchen", "xn--mnchen-3ya"),
            ("例え", "xn--r8jz45g"),
            ("みんな", "xn--q9jyb4c"),
            ("пример", "xn--e1afmkfd"),
            ("☃", "xn--n3h"),
        ] {
            assert_eq!(of(label), ascii.len(), "{label}");
        }
    }

    proptest! {
        #[test]
        fn a_library_for_names_agrees(label in "[a-zа-яぁ-ん一-三]{1,30}") {
            if let Ok(url::Host::Domain(ascii)) = url::Host::parse(&label) {
                prop_assert_eq!(of(&label), ascii.len());
            }
        }
    }
}
