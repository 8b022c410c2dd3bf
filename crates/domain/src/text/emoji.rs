//! Emoji sequences, as X counts them: each is two units, however many code points it has.
//!
//! Differs by necessity from X, whose list of valid sequences grows with Unicode: here any pictographs that are joined
//! count as one. A made-up joining that no font draws as one picture, or a skin tone on a thing, comes out too low; no
//! keyboard offers such.

use super::tld;

const JOINER: char = '\u{200d}';
const EMOJI_STYLE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';

/// How many characters the emoji at the start of `chars` has; `None` when there is none.
pub(super) fn sequence_len(chars: &[char]) -> Option<usize> {
    let (first, rest) = chars.split_first()?;
    let next = rest.first().copied();
    if is_regional(*first) {
        return next.is_some_and(|second| is_flag(*first, second)).then_some(2);
    }
    if matches!(first, '0'..='9' | '#' | '*') {
        let styled = usize::from(next == Some(EMOJI_STYLE));
        return (rest.get(styled) == Some(&KEYCAP)).then_some(2 + styled);
    }
    let mut len = element_len(chars)?;
    while chars.get(len) == Some(&JOINER) {
        let Some(more) = chars.get(len + 1..).and_then(element_len) else {
            break;
        };
        len += 1 + more;
    }
    Some(len)
}

/// A pictograph with its style, skin tone or flag tags.
fn element_len(chars: &[char]) -> Option<usize> {
    let (first, rest) = chars.split_first()?;
    let next = rest.first().copied();
    if !is_pictograph(*first) || (is_text_by_default(*first) && next != Some(EMOJI_STYLE)) {
        return None;
    }
    let mut len = 1;
    if chars.get(len) == Some(&EMOJI_STYLE) && takes_style(*first) {
        len += 1;
    }
    if chars.get(len).copied().is_some_and(is_skin_tone) {
        len += 1;
    }
    let tags = chars
        .iter()
        .skip(len)
        .take_while(|c| ('\u{e0020}'..='\u{e007f}').contains(*c))
        .count();
    Some(len + tags)
}

/// Whether two halves make the flag of a region that has one: the countries, and a few that have no domain of their own.
fn is_flag(first: char, second: char) -> bool {
    let letter = |half: char| char::from_u32(u32::from(half).checked_sub(0x1_f1e6)? + u32::from('a'));
    let code: String = [first, second].into_iter().filter_map(letter).collect();
    is_regional(second)
        && (tld::is_country(&code)
            || ["bl", "cp", "dg", "ea", "ic", "mf", "ta", "um", "un", "xk"].contains(&code.as_str()))
}

/// One half of a flag.
const fn is_regional(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

const fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Pictographs that are drawn as text unless the emoji style is asked for.
const fn is_text_by_default(c: char) -> bool {
    matches!(c, '\u{a9}' | '\u{ae}' | '\u{2122}' | '\u{265f}')
}

/// Pictographs after which the emoji style belongs to the sequence. Those that are drawn in colour anyway do not take it:
/// X counts a style after them by itself.
const fn takes_style(c: char) -> bool {
    let is_always_in_colour = matches!(
        c,
        '\u{23e9}'..='\u{23ec}'
            | '\u{23f0}' | '\u{23f3}' | '\u{26ce}' | '\u{2705}'
            | '\u{270a}'..='\u{270b}'
            | '\u{2728}' | '\u{274c}' | '\u{274e}'
            | '\u{2753}'..='\u{2755}'
            | '\u{2795}'..='\u{2797}'
            | '\u{27b0}' | '\u{27bf}'
    );
    !is_always_in_colour
        && matches!(
            c,
            '\0'..='\u{32ff}' | '\u{1f004}'
                | '\u{1f170}'..='\u{1f171}'
                | '\u{1f17e}'..='\u{1f17f}'
                | '\u{1f202}' | '\u{1f21a}' | '\u{1f22f}' | '\u{1f237}' | '\u{1f321}'
                | '\u{1f324}'..='\u{1f32c}'
                | '\u{1f336}' | '\u{1f37d}'
                | '\u{1f396}'..='\u{1f397}'
                | '\u{1f399}'..='\u{1f39b}'
                | '\u{1f39e}'..='\u{1f39f}'
                | '\u{1f3cb}'..='\u{1f3ce}'
                | '\u{1f3d4}'..='\u{1f3df}'
                | '\u{1f3f3}' | '\u{1f3f5}' | '\u{1f3f7}' | '\u{1f43f}' | '\u{1f441}' | '\u{1f4fd}'
                | '\u{1f549}'..='\u{1f54a}'
                | '\u{1f56f}'..='\u{1f570}'
                | '\u{1f573}'..='\u{1f579}'
                | '\u{1f587}'
                | '\u{1f58a}'..='\u{1f58d}'
                | '\u{1f590}' | '\u{1f5a5}' | '\u{1f5a8}'
                | '\u{1f5b1}'..='\u{1f5b2}'
                | '\u{1f5bc}'
                | '\u{1f5c2}'..='\u{1f5c4}'
                | '\u{1f5d1}'..='\u{1f5d3}'
                | '\u{1f5dc}'..='\u{1f5de}'
                | '\u{1f5e1}' | '\u{1f5e3}' | '\u{1f5e8}' | '\u{1f5ef}' | '\u{1f5f3}' | '\u{1f5fa}' | '\u{1f6cb}'
                | '\u{1f6cd}'..='\u{1f6cf}'
                | '\u{1f6e0}'..='\u{1f6e5}'
                | '\u{1f6e9}' | '\u{1f6f0}' | '\u{1f6f3}'
        )
}

/// Unicode's `Extended_Pictographic`, without the parts that are reserved (emoji-data.txt, Unicode 17).
pub(super) const fn is_pictograph(c: char) -> bool {
    matches!(
        c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
            | '\u{2194}'..='\u{2199}'
            | '\u{21a9}'..='\u{21aa}'
            | '\u{231a}'..='\u{231b}'
            | '\u{2328}' | '\u{23cf}'
            | '\u{23e9}'..='\u{23f3}'
            | '\u{23f8}'..='\u{23fa}'
            | '\u{24c2}'
            | '\u{25aa}'..='\u{25ab}'
            | '\u{25b6}' | '\u{25c0}'
            | '\u{25fb}'..='\u{25fe}'
            | '\u{2600}'..='\u{2605}'
            | '\u{2607}'..='\u{2612}'
            | '\u{2614}'..='\u{2685}'
            | '\u{2690}'..='\u{2705}'
            | '\u{2708}'..='\u{2712}'
            | '\u{2714}' | '\u{2716}' | '\u{271d}' | '\u{2721}' | '\u{2728}'
            | '\u{2733}'..='\u{2734}'
            | '\u{2744}' | '\u{2747}' | '\u{274c}' | '\u{274e}'
            | '\u{2753}'..='\u{2755}'
            | '\u{2757}'
            | '\u{2763}'..='\u{2767}'
            | '\u{2795}'..='\u{2797}'
            | '\u{27a1}' | '\u{27b0}' | '\u{27bf}'
            | '\u{2934}'..='\u{2935}'
            | '\u{2b05}'..='\u{2b07}'
            | '\u{2b1b}'..='\u{2b1c}'
            | '\u{2b50}' | '\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
            | '\u{1f000}'..='\u{1f0ff}'
            | '\u{1f10d}'..='\u{1f10f}'
            | '\u{1f12f}'
            | '\u{1f16c}'..='\u{1f171}'
            | '\u{1f17e}'..='\u{1f17f}'
            | '\u{1f18e}'
            | '\u{1f191}'..='\u{1f19a}'
            | '\u{1f201}'..='\u{1f20f}'
            | '\u{1f21a}' | '\u{1f22f}'
            | '\u{1f232}'..='\u{1f23a}'
            | '\u{1f250}'..='\u{1f3fa}'
            | '\u{1f400}'..='\u{1f64f}'
            | '\u{1f680}'..='\u{1f6ff}'
            | '\u{1f774}'..='\u{1f77f}'
            | '\u{1f7d5}'..='\u{1f7ff}'
            | '\u{1f90c}'..='\u{1f93a}'
            | '\u{1f93c}'..='\u{1f945}'
            | '\u{1f947}'..='\u{1faff}'
    )
}
