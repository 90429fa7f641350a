//! Who speaks, by the attributes of a resource.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::value::text;

/// The attribute that says which service speaks.
const SERVICE: &str = "service.name";
/// Those that say which instance of it, the better first.
const INSTANCE: [&str; 2] = ["service.instance.id", "host.name"];

/// A service, its instance, and what else is known of it.
pub(super) struct Origin<'a> {
    service: String,
    instance: Option<String>,
    rest: Vec<&'a KeyValue>,
}

impl<'a> Origin<'a> {
    pub(super) fn of(resource: Option<&'a Resource>) -> Self {
        let all = resource.map_or(&[][..], |resource| resource.attributes.as_slice());
        let find = |key: &str| {
            let pair = all.iter().find(|pair| pair.key == key)?;
            pair.value.as_ref().map(text)
        };
        let named = INSTANCE.into_iter().find_map(|key| Some((key, find(key)?)));
        let told = |key: &str| key == SERVICE || named.as_ref().is_some_and(|(by, _)| *by == key);
        Self {
            service: find(SERVICE).unwrap_or_default(),
            rest: all.iter().filter(|pair| !told(&pair.key)).collect(),
            instance: named.map(|(_, name)| name),
        }
    }

    /// Empty where it has no name.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// The attributes that name neither.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'a KeyValue> + '_ {
        self.rest.iter().copied()
    }
}
