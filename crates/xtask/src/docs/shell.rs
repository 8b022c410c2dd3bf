//! Commands in fenced blocks of Markdown, split as a shell would.

/// A simple command and where it stands (`path:line`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) place: String,
    pub(super) words: Vec<String>,
}

/// Languages of fences that hold commands; a fence that names no language may hold some too.
const SHELLS: &[&str] = &["", "sh", "bash", "zsh", "shell", "console", "shell-session"];

/// The simple commands of every shell block of a page.
pub(super) fn commands(path: &str, page: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    let mut fence: Option<(&str, bool)> = None;
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                let language = line
                    .trim_start_matches(['`', '~'])
                    .split([' ', ',', '{'])
                    .next()
                    .unwrap_or_default();
                fence = Some((mark, SHELLS.contains(&language)));
            }
            (Some((open, _)), Some(mark)) if open == mark => fence = None,
            (Some((_, true)), _) => {
                let mut whole = line.strip_prefix("$ ").unwrap_or(line).to_owned();
                while whole.ends_with('\\') {
                    whole.pop();
                    let Some((_, next)) = lines.next() else { break };
                    whole.push_str(next.trim());
                }
                let place = format!("{path}:{}", index + 1);
                let simple = split(&whole).into_iter().filter_map(|words| simple_command(&words));
                found.extend(simple.map(|words| Shown {
                    place: place.clone(),
                    words,
                }));
            }
            _ => {}
        }
    }
    found
}

/// The words of each simple command of a line; quotes are taken off.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&' | '(' | ')') => {
                commands
                    .last_mut()
                    .into_iter()
                    .for_each(|words: &mut Vec<String>| words.extend(word.take()));
                commands.push(Vec::new());
            }
            (None, c) if c.is_whitespace() => {
                commands
                    .last_mut()
                    .into_iter()
                    .for_each(|words| words.extend(word.take()));
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    commands
        .last_mut()
        .into_iter()
        .for_each(|words| words.extend(word.take()));
    commands
}

/// A command without the settings before it and the redirections in it; none if nothing is left.
fn simple_command(words: &[String]) -> Option<Vec<String>> {
    let is_setting = |word: &&String| {
        word.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    };
    let mut left = Vec::new();
    let mut words = words.iter().skip_while(is_setting);
    while let Some(word) = words.next() {
        let target = word.trim_start_matches(|c: char| c.is_ascii_digit());
        if matches!(target, ">" | ">>" | "<" | "<<" | "<<<") {
            words.next();
        } else if !target.starts_with('>') {
            left.push(word.clone());
        }
    }
    (!left.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        commands("a.md", page)
            .into_iter()
            .map(|shown| format!("{} {}", shown.place, shown.words.join("|")))
            .collect()
    }

    #[test]
    fn commands_are_found_in_shell_blocks_only() {
        let page = "broadside no\n```sh\nbroadside one # why\n```\n~~~console\n$ broadside two\n~~~\n```text\nbroadside no\n```\n```\nbroadside three\n```";
        assert_eq!(
            found(page),
            [
                "a.md:3 broadside|one",
                "a.md:6 broadside|two",
                "a.md:12 broadside|three"
            ]
        );
    }

    #[test]
    fn a_line_is_split_as_a_shell_would() {
        let page = "```bash\nA=1 B='x y' broadside post \"it's here\" \\\n  --at 10:00 > out 2>&1 && broadside key list | jq .\nKEY=$(broadside key new <NAME>)\n```";
        assert_eq!(
            found(page),
            [
                "a.md:2 broadside|post|it's here|--at|10:00",
                "a.md:2 1",
                "a.md:2 broadside|key|list",
                "a.md:2 jq|.",
                "a.md:4 broadside|key|new|<NAME>"
            ]
        );
    }
}
