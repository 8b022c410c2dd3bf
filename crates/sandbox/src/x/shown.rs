//! How X shows a text: links shortened, media as links, HTML entities.

use serde_json::{Value, json};

use crate::text::{html_escape, links};
use crate::world::World;

/// A text as reads return it, with its `entities.urls`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) urls: Vec<Value>,
}

/// Shows `text`; `page` is the address at its end: of the post's first medium, or of the post that it quotes.
pub(super) fn show(world: &World, text: &str, page: Option<&str>, media_keys: &[String]) -> Shown {
    let mut shown = Shown {
        text: String::new(),
        urls: Vec::new(),
    };
    let mut done = 0;
    for link in links(text) {
        shown
            .text
            .push_str(&html_escape(text.get(done..link.start).unwrap_or_default()));
        shown.add_link(world, text.get(link.clone()).unwrap_or_default(), None);
        done = link.end;
    }
    shown.text.push_str(&html_escape(text.get(done..).unwrap_or_default()));
    if let Some(page) = page {
        if !shown.text.is_empty() {
            shown.text.push(' ');
        }
        shown.add_link(world, page, media_keys.first());
    }
    shown
}

impl Shown {
    fn add_link(&mut self, world: &World, address: &str, media_key: Option<&String>) {
        let short = format!("https://t.co/{}", world.random_text(10));
        // Positions count code points of the shown text.
        let start = self.text.chars().count();
        let display = address.split_once("://").map_or(address, |(_, rest)| rest);
        let mut url = json!({
            "start": start,
            "end": start + short.chars().count(),
            "url": short,
            "expanded_url": address,
            "display_url": display.chars().take(26).collect::<String>(),
        });
        if let (Some(object), Some(key)) = (url.as_object_mut(), media_key) {
            object.insert("media_key".to_owned(), json!(key));
        }
        self.text.push_str(&short);
        self.urls.push(url);
    }
}
