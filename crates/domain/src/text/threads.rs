//! Threads' counting (developers.facebook.com, Threads API, "Create Posts"): characters, but an emoji counts as many as
//! it has UTF-8 bytes.
//!
//! Differs by necessity: which characters are taken for emoji is not documented. Here all that may be drawn as one count
//! by their bytes, those that are text by default (such as ©) and stray joiners too, so that the count is never too low.

use super::emoji;

/// The length of `text` as Threads counts it, or more.
pub(super) fn measure(text: &str) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut units) = (0, 0);
    while let Some((first, _)) = chars.get(at..).and_then(<[char]>::split_first) {
        let sequence = chars.get(at..).and_then(emoji::sequence_len).unwrap_or(0);
        if sequence > 0 {
            units += chars
                .iter()
                .skip(at)
                .take(sequence)
                .map(|c| c.len_utf8())
                .sum::<usize>();
            at += sequence;
        } else {
            let is_drawn = !first.is_ascii() && (emoji::is_pictograph(*first) || is_piece(*first));
            units += if is_drawn { first.len_utf8() } else { 1 };
            at += 1;
        }
    }
    units
}

/// Pieces of emoji that stand alone (joiners, styles, keycaps, skin tones, halves of flags, tags), and the blocks of
/// signs of which some are emoji.
const fn is_piece(c: char) -> bool {
    matches!(
        c,
        '\u{203c}' | '\u{2049}' | '\u{2139}' | '\u{2600}'..='\u{27bf}' |
        '\u{200d}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}'
            | '\u{e0020}'..='\u{e007f}'
    )
}
