//! From one row to a field, an entry of the reference and the code that walks over both.

/// Expands the rows `/// doc` `name [alias "other"]: Type = Default, kind, Effect;`.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident $(alias $alias:literal)? : $type:ty = $default:expr, $kind:expr, $effect:ident;
    )+) => {
        /// Every key there is, in the order of the reference.
        pub static KEYS: &[Key] = &[$(
            Key {
                name: stringify!($field),
                aliases: &[$($alias)?],
                default: $default,
                effect: Effect::$effect,
                doc: concat!($($doc),+),
                kind: &$kind,
            }
        ),+];

        /// What one section of a configuration says, complete and valid: one field for each key.
        ///
        /// Durations and sizes that are `None` are limits switched off. Paths are absolute.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            /// The file, as its path was given; `None` where there is none.
            pub config_file: Option<PathBuf>,
            /// The section.
            pub section: String,
            /// The directory that relative paths were resolved against.
            pub start_dir: PathBuf,
            /// What the application reads for itself: the keys `app.*`, without that prefix.
            pub app: BTreeMap<String, String>,
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl Settings {
            /// Reads every field; what cannot be read is noted by the reader and replaced.
            pub(crate) fn assemble(reader: &mut crate::layers::Reader<'_>) -> Self {
                $( let $field: $type = reader.read(stringify!($field), &$kind); )+
                let layers = reader.layers();
                Self {
                    config_file: layers.file().map(ToOwned::to_owned),
                    section: layers.section().to_owned(),
                    start_dir: layers.start_dir().to_owned(),
                    app: layers.app(),
                    $($field),+
                }
            }

            /// The canonical text of a key, an alias or a key `app.*`: parsed again, it gives the
            /// same value. `None` for what does not exist.
            pub fn text(&self, name: &str) -> Option<String> {
                let name = name.to_lowercase();
                match crate::key::find(&name).map_or(name.as_str(), |key| key.name) {
                    $( stringify!($field) => Some((&$kind).show(&self.$field)), )+
                    other => self.app.get(other.strip_prefix("app.")?).cloned(),
                }
            }

            /// The names of the keys whose values differ from another's.
            fn different_keys(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $( if self.$field != other.$field { names.push(stringify!($field)); } )+
                names
            }
        }
    };
}
