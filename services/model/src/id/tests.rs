use proptest::prelude::*;

use super::*;

/// What would let a name reach into another key.
const KEY_BREAKERS: [char; 6] = ['/', ':', '{', '}', ' ', '\0'];

proptest! {
    #[test]
    fn task_ids_keep_route_and_text(unix_ms in 0u64..1 << 48, route in 0..ROUTES, random in any::<u64>()) {
        let id = TaskId::new(unix_ms, route, random);
        prop_assert_eq!(id.route(), route);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(TaskId::from_slice(id.as_bytes()), Ok(id));
        prop_assert_eq!(id.to_string().len(), 36);
        for shards in [1, 2, 16, 4_096] {
            prop_assert_eq!(id.shard(shards), route % shards);
        }
        // A later id sorts after an earlier one, as bytes and as text.
        let later = TaskId::new(unix_ms + 1, 0, 0);
        prop_assert!(later > id && later.to_string() > id.to_string());
    }

    #[test]
    fn tokens_keep_their_parts(random in any::<u64>(), fence in any::<u32>(), nonce in any::<[u8; 16]>()) {
        let token = LeaseToken { task: TaskId::new(random >> 20, 5, random), fence, nonce };
        let text = token.to_string();
        prop_assert_eq!(text.parse(), Ok(token));
        let shown = format!("{token:?}");
        prop_assert!(!shown.contains(&text) && !shown.contains(&format!("{nonce:?}")), "the nonce is a secret");
    }

    /// One token has one text: no second spelling may slip past a comparison of texts.
    #[test]
    fn no_other_text_is_the_same_token(at in 0usize..50, byte in 0u8..128) {
        let token = LeaseToken { task: TaskId::new(1, 2, 3), fence: 4, nonce: [5; 16] };
        let mut text = token.to_string().into_bytes();
        let at = at % text.len();
        prop_assume!(text[at] != byte);
        text[at] = byte;
        prop_assert_ne!(std::str::from_utf8(&text).unwrap().parse(), Ok(token));
    }

    #[test]
    fn any_text_is_refused_or_kept(text in "\\PC{0,140}") {
        if let Ok(name) = Name::new(&text) {
            prop_assert_eq!(name.as_str(), &text);
            prop_assert!(text.len() <= NAME_MAX_BYTES && !text.contains(KEY_BREAKERS));
        }
        if let Ok(namespace) = Namespace::new(&text) {
            prop_assert!(namespace.as_str() == text && text.len() <= NAMESPACE_MAX_BYTES && !text.contains(KEY_BREAKERS));
        }
        prop_assert!(text.parse::<TaskId>().is_err() || text.len() == 36);
        if let Ok(token) = text.parse::<LeaseToken>() {
            prop_assert_eq!(token.to_string(), text);
        }
    }
}

#[test]
fn names_at_their_limits() {
    assert!(Name::new(&"a".repeat(NAME_MAX_BYTES)).is_ok());
    assert!(Namespace::new(&"a".repeat(NAMESPACE_MAX_BYTES)).is_ok());
    assert_eq!(Name::new(&"a".repeat(NAME_MAX_BYTES + 1)), Err(IdError::Name));
    assert_eq!(
        Namespace::new(&"a".repeat(NAMESPACE_MAX_BYTES + 1)),
        Err(IdError::Namespace)
    );
    for bad in ["", ".a", "_a", "-a", "a/b", "a b", "ä", "a\n", "a{b}"] {
        assert_eq!(Name::new(bad), Err(IdError::Name), "{bad:?}");
        assert_eq!(Namespace::new(bad), Err(IdError::Namespace), "{bad:?}");
    }
    assert_eq!(Namespace::new("A"), Err(IdError::Namespace));
    assert_eq!(Namespace::new("a.b"), Err(IdError::Namespace));
    assert_eq!(Name::default_queue().as_str(), "default");
}

/// Ids carry the route for ever: it must never change.
#[test]
fn routes_are_frozen() {
    let route = |namespace: &str, queue: &str| route(&Namespace::new(namespace).unwrap(), &Name::new(queue).unwrap());
    // The first 12 bits of SHA-256("default\0default") and so on, computed with another implementation.
    assert_eq!(route("default", "default"), 0xc3c);
    assert_eq!(route("acme", "emails"), 0x9fa);
}

#[test]
fn an_id_tells_when_it_was_made() {
    assert_eq!(
        TaskId::new(1_700_000_000_123, 7, u64::MAX).created_ms(),
        1_700_000_000_123
    );
}
