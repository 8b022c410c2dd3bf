//! Tests of signed links.

use proptest::prelude::*;

use super::*;

const KEY: &str = "0123456789abcdef01234567/00112233445566778899aabbccddeeff/cat.png";

fn signer() -> LinkSigner {
    LinkSigner::new(SecretBytes::new(vec![7; 32]))
}

fn at(time: &str) -> Timestamp {
    format!("2026-11-22T{time}Z").parse().unwrap()
}

fn parts(link: &str) -> (String, String) {
    let mut parts = link.strip_prefix("/media/").unwrap().split('/');
    let found = (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
    assert_eq!(parts.next(), None);
    found
}

#[test]
fn a_link_names_its_file_until_it_ends() {
    let link = signer().sign(KEY, at("10:00:00")).unwrap();
    let (token, name) = parts(&link);
    assert_eq!(name, "cat.png");
    assert_eq!(signer().verify(&token, &name, at("09:59:59")), Ok(KEY.to_owned()));
    assert_eq!(signer().verify(&token, &name, at("10:00:00")), Err(LinkError::Expired));
}

#[test]
fn a_link_fits_into_a_path_as_it_is() {
    let link = signer().sign(KEY, at("10:00:00")).unwrap();
    assert!(
        link.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b)),
        "{link}"
    );
    assert!(!link.contains("00112233445566778899aabbccddeeff"));
}

#[test]
fn another_secret_another_name_and_another_end_are_refused() {
    let link = signer().sign(KEY, at("10:00:00")).unwrap();
    let (token, name) = parts(&link);
    let other = LinkSigner::new(SecretBytes::new(vec![8; 32]));
    assert_eq!(other.verify(&token, &name, at("09:00:00")), Err(LinkError::Invalid));
    assert_eq!(
        signer().verify(&token, "dog.png", at("09:00:00")),
        Err(LinkError::Invalid)
    );
    let later = parts(&signer().sign(KEY, at("11:00:00")).unwrap()).0;
    assert_ne!(later, token);
    for token in ["", "x", "AAAA", "////", &token[1..], &format!("{token}A")] {
        assert_eq!(
            signer().verify(token, &name, at("09:00:00")),
            Err(LinkError::Invalid),
            "{token}"
        );
    }
}

#[test]
fn what_is_no_key_is_not_signed() {
    for key in ["", "a", "/a/b", "../../etc/passwd", "a/b/c/d", "a//c", "a/b/"] {
        assert_eq!(signer().sign(key, at("10:00:00")), Err(LinkError::Invalid), "{key}");
    }
}

#[test]
fn neither_the_secret_nor_a_length_of_it_is_shown() {
    assert_eq!(format!("{:?}", signer()), "LinkSigner");
}

#[test]
fn an_upload_token_names_its_file_until_it_ends_and_opens_nothing_else() {
    let id = MediaId::from_bytes([9; 12]);
    let token = signer().sign_upload(id, at("10:00:00")).unwrap();
    assert_eq!(signer().verify_upload(&token, at("09:59:59")), Ok(id));
    assert_eq!(signer().verify_upload(&token, at("10:00:00")), Err(LinkError::Expired));
    let other = LinkSigner::new(SecretBytes::new(vec![8; 32]));
    assert_eq!(other.verify_upload(&token, at("09:00:00")), Err(LinkError::Invalid));
    for token in ["", "x", &token[1..], &format!("{token}A"), &token.replace('A', "B")] {
        let found = signer().verify_upload(token, at("09:00:00"));
        assert_eq!(found, Err(LinkError::Invalid), "{token}");
    }
    // A link to a file is no permission to write it.
    let (link, _) = parts(&signer().sign(KEY, at("10:00:00")).unwrap());
    assert_eq!(signer().verify_upload(&link, at("09:00:00")), Err(LinkError::Invalid));
}

proptest! {
    #[test]
    fn no_changed_byte_of_a_token_is_accepted(i in 0usize..97, flip in 1u8..) {
        let (token, name) = parts(&signer().sign(KEY, at("10:00:00")).unwrap());
        let mut bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        prop_assert_eq!(bytes.len(), 97);
        bytes[i] ^= flip;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        prop_assert_eq!(signer().verify(&token, &name, at("09:00:00")), Err(LinkError::Invalid));
    }

    #[test]
    fn no_invented_token_is_accepted(token in ".*", name in ".*") {
        prop_assert_eq!(signer().verify(&token, &name, at("09:00:00")), Err(LinkError::Invalid));
    }
}
