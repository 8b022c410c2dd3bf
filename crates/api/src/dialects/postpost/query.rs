//! The query of `list-posts`, read as leniently as the original reads it.

use std::collections::HashMap;

use domain::platform::Platform;
use engine::{GroupOrder, GroupQuery};
use jiff::SignedDuration;
use url::form_urlencoded;

use super::error::Error;
use super::{js, time, wire, words};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: i64 = 100;
/// Times are shown in milliseconds and kept in microseconds: the end of a range includes the whole of its millisecond.
const REST_OF_A_MILLISECOND: SignedDuration = SignedDuration::from_micros(999);

/// A page of groups to be shown.
#[derive(Debug, PartialEq)]
pub(super) struct List {
    /// What to ask for; `None` when nothing can match.
    pub(super) query: Option<GroupQuery>,
    pub(super) page: u64,
    pub(super) limit: u32,
}

impl List {
    /// Where this page stands when there are `total` groups.
    pub(super) fn pagination(&self, total: u64) -> wire::Pagination {
        let pages = total.div_ceil(u64::from(self.limit));
        wire::Pagination {
            page: self.page,
            limit: self.limit,
            total_items: total,
            total_pages: pages,
            has_next_page: self.page < pages,
            has_prev_page: self.page > 1,
        }
    }
}

/// Judges a query. `shown` are the platforms to restrict to when the caller does not; empty for no restriction.
pub(super) fn list(query: &str, shown: &[Platform]) -> Result<List, Error> {
    let given = given(query);
    let value = |name: &str| given.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let masks = match value("status") {
        None => None,
        Some(word) if words::GROUP_WORDS.contains(&word) => Some(words::masks_of(word)),
        Some(_) => {
            let words = "Invalid status. Must be one of: draft, scheduled, published, failed, partially_published";
            return Err(Error::bad(words));
        }
    };
    let order = match value("sortBy") {
        None | Some("createdAt") => GroupOrder::Created,
        Some("updatedAt") => GroupOrder::Updated,
        Some("scheduledTime") => GroupOrder::Planned,
        Some(_) => {
            return Err(Error::bad(
                "Invalid sortBy. Must be one of: createdAt, updatedAt, scheduledTime",
            ));
        }
    };
    let date = |name, error| {
        value(name)
            .map(|text| time::date(text).ok_or(Error::bad(error)))
            .transpose()
    };
    let planned_from = date("fromDate", "Invalid fromDate format")?;
    let planned_to =
        date("toDate", "Invalid toDate format")?.map(|to| to.saturating_add(REST_OF_A_MILLISECOND).unwrap_or(to));
    let page = value("page").and_then(js::parse_int).unwrap_or(1).max(1).unsigned_abs();
    let limit = match value("limit").and_then(js::parse_int) {
        None | Some(0) => LIMIT_DEFAULT,
        Some(limit) => u32::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(LIMIT_DEFAULT),
    };
    let platforms = match value("platform") {
        None => Some(shown.to_vec()),
        Some(word) => words::platform(&word.to_ascii_lowercase()).map(|platform| vec![platform]),
    };
    let query = platforms.map(|platforms| GroupQuery {
        masks,
        platforms,
        planned_from,
        planned_to,
        order,
        descending: value("sortOrder") != Some("asc"),
        offset: (page - 1).saturating_mul(u64::from(limit)),
        limit,
    });
    Ok(List { query, page, limit })
}

/// The parameters. One that is given twice is what JavaScript makes of a list: its values with a comma between.
fn given(query: &str) -> HashMap<String, String> {
    let mut given: HashMap<String, String> = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        given
            .entry(name.into_owned())
            .and_modify(|known| {
                known.push(',');
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> List {
        list(query, &[]).unwrap()
    }

    fn refused(query: &str) -> String {
        list(query, &[]).unwrap_err().to_string()
    }

    #[test]
    fn page_and_limit_are_read_as_javascript_reads_them() {
        for (query, page, limit) in [
            ("", 1, 20),
            ("page=2&limit=5", 2, 5),
            ("page=12abc&limit=7.9", 12, 7),
            ("page=0&limit=0", 1, 20),
            ("page=-3&limit=-5", 1, 1),
            ("page=abc&limit=abc", 1, 20),
            ("page=&limit=", 1, 20),
            ("limit=100", 1, 100),
            ("limit=101", 1, 100),
            ("limit=99999999999999999999", 1, 100),
            ("page=2&page=9", 2, 20),
        ] {
            let list = ask(query);
            assert_eq!((list.page, list.limit), (page, limit), "{query}");
        }
        let far = ask("page=99999999999999999999&limit=100").query.unwrap();
        assert!(i64::try_from(far.offset).is_ok());
    }

    #[test]
    fn the_place_of_a_page_is_told_at_its_edges() {
        let at = |page: u64, total| {
            let place = ask(&format!("page={page}&limit=10")).pagination(total);
            (place.total_pages, place.has_next_page, place.has_prev_page)
        };
        assert_eq!(at(1, 0), (0, false, false));
        assert_eq!(at(1, 10), (1, false, false));
        assert_eq!(at(1, 11), (2, true, false));
        assert_eq!(at(2, 11), (2, false, true));
        assert_eq!(at(9, 11), (2, false, true));
    }

    #[test]
    fn filters_are_judged_and_empty_ones_are_none() {
        assert_eq!(
            refused("status=processing"),
            "Invalid status. Must be one of: draft, scheduled, published, failed, partially_published"
        );
        assert_eq!(refused("status=draft&status=failed"), refused("status=x"));
        assert_eq!(
            refused("sortBy=content"),
            "Invalid sortBy. Must be one of: createdAt, updatedAt, scheduledTime"
        );
        assert_eq!(refused("fromDate=nope"), "Invalid fromDate format");
        assert_eq!(refused("toDate=nope"), "Invalid toDate format");
        let all = ask("status=&sortBy=&platform=&fromDate=&toDate=&colour=red")
            .query
            .unwrap();
        assert_eq!((all.masks, all.platforms, all.planned_from), (None, vec![], None));
        assert!(all.descending && all.order == GroupOrder::Created);
    }

    #[test]
    fn an_order_that_nobody_knows_is_descending() {
        assert!(!ask("sortOrder=asc").query.unwrap().descending);
        for word in ["desc", "ASC", "sideways"] {
            assert!(ask(&format!("sortOrder={word}")).query.unwrap().descending, "{word}");
        }
    }

    /// Q9: a platform filter is a name, not a pattern.
    #[test]
    fn a_platform_is_named_whole_and_in_any_case() {
        assert_eq!(ask("platform=TWITTER").query.unwrap().platforms, [Platform::X]);
        for word in ["twit", "twitter-1", "twitter-", "x", "reddit", ".*", "nobody"] {
            assert_eq!(ask(&format!("platform={word}")).query, None, "{word}");
        }
        let shown = list("", &[Platform::X, Platform::Bluesky]).unwrap().query.unwrap();
        assert_eq!(shown.platforms, [Platform::X, Platform::Bluesky]);
    }

    #[test]
    fn both_ends_of_a_range_belong_to_it() {
        let range = ask("fromDate=2026-03-15T10:00:00.250Z&toDate=2026-03-15T10:00:00.250Z")
            .query
            .unwrap();
        assert_eq!(range.planned_from.unwrap().to_string(), "2026-03-15T10:00:00.25Z");
        assert_eq!(range.planned_to.unwrap().to_string(), "2026-03-15T10:00:00.250999Z");
    }
}
