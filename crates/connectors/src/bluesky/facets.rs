//! Links, mentions and tags of a text. The server finds none by itself (docs.bsky.app, "Links, mentions, and rich
//! text").

use std::collections::BTreeMap;

use domain::text::{Span, find_links, find_mentions, find_tags};

use super::wire::{ByteSlice, Facet, Feature};

/// What handles stand for; `None` for one that stands for nobody.
pub(super) type Dids = BTreeMap<String, Option<String>>;

/// The handles that `text` mentions, as they are written.
pub(super) fn handles(text: &str) -> Vec<String> {
    find_mentions(text).into_iter().map(|span| span.url).collect()
}

/// The facets of `text`, in order, none overlapping. A mention of nobody stays plain text.
pub(super) fn facets(text: &str, dids: &Dids) -> Vec<Facet> {
    let links = find_links(text)
        .into_iter()
        .map(|span| (place(&span), Feature::Link { uri: span.url }));
    let mentions = find_mentions(text).into_iter().filter_map(|span| {
        let did = dids.get(&span.url)?.clone()?;
        Some((place(&span), Feature::Mention { did }))
    });
    let tags = find_tags(text)
        .into_iter()
        .map(|span| (place(&span), Feature::Tag { tag: span.url }));
    let mut found: Vec<(ByteSlice, Feature)> = links.chain(mentions).chain(tags).collect();
    // The sort is stable, so at one place a link comes before a mention and a mention before a tag.
    found.sort_by_key(|(index, _)| index.byte_start);
    let mut facets: Vec<Facet> = Vec::with_capacity(found.len());
    for (index, feature) in found {
        if facets.last().is_none_or(|last| last.index.byte_end <= index.byte_start) {
            facets.push(Facet {
                index,
                features: vec![feature],
            });
        }
    }
    facets
}

fn place(span: &Span) -> ByteSlice {
    ByteSlice {
        byte_start: span.start,
        byte_end: span.end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dids() -> Dids {
        Dids::from([
            ("ada.test".to_owned(), Some("did:plc:ada".to_owned())),
            ("nobody.test".to_owned(), None),
        ])
    }

    #[test]
    fn positions_are_bytes_and_not_characters() {
        let text = "Zürich 🇨🇭 @ada.test https://example.com/ä #größe";
        let facets = facets(text, &dids());
        let pieces: Vec<_> = facets
            .iter()
            .map(|f| (&text[f.index.byte_start..f.index.byte_end], f.features[0].clone()))
            .collect();
        assert_eq!(
            pieces,
            [
                (
                    "@ada.test",
                    Feature::Mention {
                        did: "did:plc:ada".into()
                    }
                ),
                (
                    "https://example.com/ä",
                    Feature::Link {
                        uri: "https://example.com/ä".into()
                    }
                ),
                ("#größe", Feature::Tag { tag: "größe".into() }),
            ]
        );
    }

    #[test]
    fn a_mention_of_nobody_and_one_never_asked_for_stay_plain_text() {
        assert_eq!(facets("hi @nobody.test and @eve.test", &dids()), []);
    }

    #[test]
    fn facets_never_overlap() {
        let facets = facets("https://example.com/#part @ada.test #tag https://example.org", &dids());
        assert_eq!(facets.len(), 4);
        assert!(
            facets
                .windows(2)
                .all(|two| two[0].index.byte_end <= two[1].index.byte_start)
        );
    }
}
