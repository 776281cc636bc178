//! The letters of scripts and parsers.

use std::collections::BTreeSet;

use super::*;
use crate::protocol::{IndexPageReply, SCRIPTS, Script};

/// The letters with which the replies of a script begin: its string literals of one capital, except operands of
/// comparisons. Refinements of a reply follow as small letters.
fn letters(script: &Script) -> BTreeSet<u8> {
    let code = script.source.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut letters = BTreeSet::new();
    for line in code {
        let pieces: Vec<&str> = line.split('\'').collect();
        for (before, literal) in pieces.iter().zip(&pieces[1..]).step_by(2) {
            let is_compared = before.ends_with("== ") || before.ends_with("~= ");
            if let ([letter @ b'A'..=b'Z', refinements @ ..], false) = (literal.as_bytes(), is_compared)
                && refinements.iter().all(u8::is_ascii_lowercase)
                && refinements.len() <= 1
            {
                letters.insert(*letter);
            }
        }
    }
    letters
}

/// Replies of every form: one of them is right for each letter.
fn samples(letter: u8) -> Vec<Vec<u8>> {
    let state = [b"\x01S".as_slice(), &[1; 8], &[0; 7], &[2], b"0123456789abcdef", &[3; 7], &[0; 9]].concat();
    let status = [&state[..], b"\x01", &[0; 6], &[0; 6], &[9], &[9; 7], &[9; 7], &[0; 15], &[0; 6]].concat();
    let bodies: [&[u8]; 9] = [
        b"",
        &status,
        &[b"s", &state[..]].concat(),
        &[0; 18],
        &[1; 13],
        b"\0\0\0\0\0\0\x09someone",
        &[0; 7],
        &[0; 6],
        &[0; 11],
    ];
    bodies.into_iter().map(|body| [&[letter], body].concat()).collect()
}

/// Which letters a parser knows: with them, some reply is not of an unexpected form.
fn known<T>(parse: impl Fn(&[u8]) -> Result<T, Error>) -> BTreeSet<u8> {
    let unexpected = unexpected_reply().to_string();
    let is_known = |letter: &u8| {
        samples(*letter).iter().any(|reply| parse(reply).map_or_else(|error| error.to_string() != unexpected, |_| true))
    };
    (0..=u8::MAX).filter(is_known).collect()
}

/// Every letter that a script replies is parsed. The parsers know more: `F` after a forward, and the limits.
#[test]
fn the_letters_of_scripts_are_those_of_the_parsers() {
    let shared = BTreeSet::from(*b"NTSFGL");
    let check = |name: &str, script: &Script, known: BTreeSet<u8>| {
        let replied = letters(script);
        assert!(!replied.is_empty(), "{name} replies nothing");
        let unknown: Vec<char> = replied.difference(&known).map(|letter| char::from(*letter)).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?} are not parsed");
        let unused = known.difference(&replied).filter(|letter| !shared.contains(letter));
        let unused: String = unused.map(|letter| char::from(*letter)).collect();
        assert_eq!(unused, "", "{name} never replies these");
    };
    let of = &*SCRIPTS;
    let with = |known: BTreeSet<u8>, others: &[u8]| known.into_iter().chain(others.iter().copied()).collect();
    // `K` asks for another call, and is answered before the reply is parsed.
    check("apply", &of.apply, with(known(ApplyReply::parse), b"K"));
    check("touch", &of.touch, with(known(TouchReply::parse), b"K"));
    // `P` is the letter of a forward that gives no access.
    check("rotate", &of.rotate, with(known(RotateReply::parse), b"P"));
    // What `absent.lua` answers here: at `N`, `T` and `S` a session starts.
    check("sign_in", &of.sign_in, with(known(SignInReply::parse), b"PNT"));
    check("destroy", &of.destroy, known(DestroyReply::parse));
    check("acquire", &of.acquire, known(AcquireReply::parse));
    check("tenure", &of.tenure, known(TenureReply::parse));
    check("index_add", &of.index_add, known(IndexAddReply::parse));
    check("index_page", &of.index_page, known(IndexPageReply::parse));
    // What `absent.lua` answers here in the first place: `create.lua` stores a session at `N` and calls `S` in use,
    // and `revoke.lua` calls `T` nothing and `S` a move.
    check("create", &of.create, with(known(CreateReply::parse), b"NS"));
    check("revoke", &of.revoke, with(known(RevokeReply::parse), b"TS"));
}

/// A letter that no script replies is not taken for another one.
#[test]
fn other_letters_are_unexpected() {
    assert_eq!(known(DestroyReply::parse), BTreeSet::from(*b"ARNTSFGL"));
    assert_eq!(known(TenureReply::parse), BTreeSet::from(*b"AXNTSFGL"));
    assert_eq!(known(IndexAddReply::parse), BTreeSet::from(*b"AFUX"));
    assert_eq!(known(IndexPageReply::parse), BTreeSet::from(*b"ADG"));
}

/// Digests follow the letter, and nothing else does.
#[test]
fn the_ids_that_an_ended_session_has_left_are_read() {
    let ids = [IdDigest::from(&[1; DIGEST_LEN]), IdDigest::from(&[2; DIGEST_LEN])];
    for count in 0..=ids.len() {
        let left = &ids[..count];
        let bytes: Vec<u8> = left.iter().flat_map(|id| id.to_bytes()).collect();
        let reply = |letter: u8, more: &[u8]| [&[letter], &bytes[..], more].concat();
        assert_eq!(DestroyReply::parse(&reply(b'A', b"")).unwrap(), DestroyReply::Destroyed(left.to_vec()));
        assert_eq!(DestroyReply::parse(&reply(b'R', b"")).unwrap(), DestroyReply::Repeated(left.to_vec()));
        assert_eq!(RevokeReply::parse(&reply(b'A', b"")).unwrap(), RevokeReply::Revoked(left.to_vec()));
        DestroyReply::parse(&reply(b'A', b"x")).unwrap_err();
        RevokeReply::parse(&reply(b'A', b"x")).unwrap_err();
        let started = samples(b'D').into_iter().find(|reply| SignInReply::parse(reply).is_ok()).unwrap();
        let over = SignInReply::parse(&[&started[..], &bytes].concat()).unwrap();
        assert!(matches!(over, SignInReply::Replaced(_, there) if there == left));
        SignInReply::parse(&[&started[..], &bytes, b"x"].concat()).unwrap_err();
    }
}
