//! Notes about signed-in sessions, as the index lists them.

use session_core::{
    Note, SignIn,
    store::{IndexedSession, RotationKind, TouchOptions},
};

use super::sign_in::{sign_in, signing_in};
use crate::{
    must::Must as _,
    world::{World, new_principal},
};

/// The note of a sign-in is listed with its session, and moves with it.
pub(crate) async fn a_note_is_listed(world: &World) {
    let principal = new_principal();
    let note = Note::new(vec![0, 255, 7]).must();
    let noted = SignIn::new(principal.clone()).with_note(note.clone());
    let guest = world.start().await;
    let rotation = signing_in(world, &guest, noted.clone());
    world.rotate(&guest, &rotation).await;
    world.moved(&rotation.to, RotationKind::Renew).await;
    world.create(&world.signing_in(noted)).await;
    world.sign_in(&principal).await;
    let notes: Vec<_> =
        world.index().sessions(&principal, 10).await.must().into_iter().filter_map(|session| session.note).collect();
    assert_eq!(notes, [note.clone(), note]);
}

/// A touch replaces the note of a signed-in session, up to the greatest length. A session without a principal has no note.
pub(crate) async fn a_touch_replaces_the_note(world: &World) {
    let principal = new_principal();
    let first = SignIn::new(principal.clone()).with_note(Note::new("first").must());
    let (id, _) = world.create(&world.signing_in(first)).await;
    let listed = |sessions: Vec<IndexedSession>| sessions[0].note.clone();
    for note in [Note::new(vec![9; 256]).must(), Note::new("").must()] {
        let options = TouchOptions { note: Some(note.clone()), ..TouchOptions::default() };
        world.touch(&id, options).await;
        world.touch(&id, TouchOptions::default()).await;
        assert_eq!(listed(world.index().sessions(&principal, 10).await.must()), Some(note));
    }
    let guest = world.start().await;
    let options = TouchOptions { note: Some(Note::new("guest").must()), ..TouchOptions::default() };
    world.touch(&guest, options).await;
    let signed_in = sign_in(world, &guest, &principal).await;
    let sessions = world.index().sessions(&principal, 10).await.must();
    let session = sessions.iter().find(|session| session.digest == *signed_in.digest());
    assert_eq!(session.map(|session| session.note.clone()), Some(None), "a guest has no note");
}

/// A new principal does not inherit the note of the one before.
pub(crate) async fn another_principal_inherits_no_note(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let noted = SignIn::new(ada.clone()).with_note(Note::new("ada's phone").must());
    let (id, _) = world.create(&world.signing_in(noted)).await;
    sign_in(world, &id, &grace).await;
    assert_eq!(world.index().sessions(&grace, 10).await.must()[0].note, None);
}
