//! The texts of the repository.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

/// Folders that hold nothing of the repository itself.
const NOT_OURS: &[&str] = &["target", ".git", ".bench", "node_modules"];
/// What is larger is no text that a person wrote; its name counts all the same.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Path from the top folder, with `/`, to text. Bytes that are no UTF-8 are replaced.
#[derive(Debug, Default)]
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Reads the repository at `root`. Symbolic links are not followed.
    ///
    /// # Errors
    /// If a folder or a file cannot be read.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
            for entry in entries {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                if kind.is_dir() && !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                    folders.push(path);
                } else if kind.is_file() {
                    let small = entry.metadata()?.len() <= FILE_BYTES_MAX;
                    let bytes = if small { std::fs::read(&path)? } else { Vec::new() };
                    let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
                    files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
                }
            }
        }
        Ok(Self(files))
    }

    /// A made-up repository.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    /// The text of one file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Path and text of every file whose path starts with `prefix`, in order.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        all.filter(move |(path, _)| path.starts_with(prefix))
    }

    /// Whether a module `folder/word.rs` or `folder/word/` exists.
    #[must_use]
    pub fn has_module(&self, folder: &str, word: &str) -> bool {
        self.0.contains_key(&format!("{folder}/{word}.rs")) || self.under(&format!("{folder}/{word}/")).next().is_some()
    }
}
