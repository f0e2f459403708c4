package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EmbeddedStore is an SQLite file of the operator, <data-dir>/<namespace>/<name>.db.
type EmbeddedStore struct{}

// PostgresStore is a PostgreSQL database, version 14 or newer.
type PostgresStore struct {
	// SecretRef names the Secret key that holds the DSN: a URL (postgres://user:password@host:port/dbname?sslmode=require)
	// or keyword=value pairs, with nothing in it but host, port, user, password, dbname and sslmode. Default key: dsn.
	SecretRef SecretKeyReference `json:"secretRef"`
}

// Store says where the records of a phone system are.
//
// +kubebuilder:validation:XValidation:rule="has(self.embedded) != has(self.postgres)",message="give exactly one store: embedded or postgres"
// +kubebuilder:validation:XValidation:rule="has(self.embedded) == has(oldSelf.embedded)",message="the kind of store is immutable: create a new PhoneSystem to move to another kind"
type Store struct {
	// Embedded is an SQLite file beside the operator.
	// +optional
	Embedded *EmbeddedStore `json:"embedded,omitempty"`
	// Postgres is a PostgreSQL database.
	// +optional
	Postgres *PostgresStore `json:"postgres,omitempty"`
	// Takeover is the UID of the PhoneSystem that the store belongs to. Set it, once, to take the store over in a rebuilt
	// cluster. Set to this object's own UID, it accepts an empty store in place of one that was lost.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-A-Za-z0-9]*$')",message="must be the metadata.uid of a PhoneSystem, such as 0b5e3a86-6c1f-4c8a-9d0e-2f7a1b3c4d5e"
	// +optional
	Takeover string `json:"takeover,omitempty"`
}

// Numbering holds the numbering plan.
//
// +kubebuilder:validation:XValidation:rule="!has(self.area) || self.area.size() == 0 || (has(self.country) && self.country.size() > 0)",message="area needs country: an area code is one of a country"
type Numbering struct {
	// VoicemailDigits is the length that a number must have to have a voicemail box.
	// +kubebuilder:default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=15
	// +optional
	VoicemailDigits int32 `json:"voicemailDigits,omitempty"`
	// Country is the country code (ITU-T E.164) without a plus, such as 49. With it, numbers that are written the national
	// way are understood.
	// +kubebuilder:validation:MaxLength=3
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[1-9][0-9]{0,2}$')",message="must be a country code without plus or zeros, such as 49"
	// +optional
	Country string `json:"country,omitempty"`
	// Area is the area code without the national prefix, such as 30: local numbers are understood with it. It needs country.
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[1-9][0-9]*$')",message="must be an area code without the national prefix, such as 30"
	// +optional
	Area string `json:"area,omitempty"`
	// Outside is what phones may dial before a number of the public network, such as 0 or 9. Default: nothing.
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[0-9*#]+$')",message="must be what is dialled for an outside line: digits, * or #, such as 0"
	// +optional
	Outside string `json:"outside,omitempty"`
	// International is dialled before a country code. Default: 00; 011 where country is 1.
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[0-9]+$')",message="must be the international prefix: digits, such as 00"
	// +optional
	International string `json:"international,omitempty"`
	// National is dialled before an area code. Default: 0; 1 where country is 1.
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[0-9]+$')",message="must be the national prefix: digits, such as 0"
	// +optional
	National string `json:"national,omitempty"`
}

// Emergency says how emergency calls are treated.
type Emergency struct {
	// CallbackMinutes is for how many minutes after an emergency call has ended a call from the gateway to the number that was
	// shown rings the phone that called, whatever its state is.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=15
	// +kubebuilder:validation:Maximum=180
	// +optional
	CallbackMinutes int32 `json:"callbackMinutes,omitempty"`
}

// DriftPolicy says what is done about a record that somebody changed in the store.
//
// +kubebuilder:validation:Enum=Correct;Report
type DriftPolicy string

// The drift policies.
const (
	DriftCorrect DriftPolicy = "Correct"
	DriftReport  DriftPolicy = "Report"
)

// PhoneSystemSpec is one PBX.
type PhoneSystemSpec struct {
	// Domain is the SIP domain of the phones, and the realm of their digest credentials. Immutable.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="domain is immutable: it is the realm of every phone's credentials; create a new PhoneSystem instead"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a domain name in lower case, such as pbx.example.com"
	Domain string `json:"domain"`
	// Store says where the records are: exactly one of embedded and postgres.
	Store Store `json:"store"`
	// Numbering plan.
	// +kubebuilder:default={voicemailDigits: 4}
	// +optional
	Numbering Numbering `json:"numbering,omitzero"`
	// TimeZone (IANA, such as Europe/Berlin) in which days are counted. Default: UTC.
	// +kubebuilder:default=UTC
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_+/-]*$')",message="must be the IANA name of a time zone, such as Europe/Berlin"
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// Emergency says how emergency calls are treated.
	// +kubebuilder:default={callbackMinutes: 60}
	// +optional
	Emergency Emergency `json:"emergency,omitzero"`
	// MainNumber is the outbound caller ID of phones whose extension has no direct number.
	// +optional
	MainNumber E164Number `json:"mainNumber,omitempty"`
	// EmergencyNumbers may always be called, by anybody. No Extension may have one of them.
	// +kubebuilder:default={"112","911"}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	// +optional
	EmergencyNumbers []Number `json:"emergencyNumbers,omitempty"`
	// TrustedNetworks are the networks (CIDR) from which emergency calls are taken without authentication.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$') || self.matches('^(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,7}:|([0-9A-Fa-f]{1,4}:){1,6}:[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,5}(:[0-9A-Fa-f]{1,4}){1,2}|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){1,3}|([0-9A-Fa-f]{1,4}:){1,3}(:[0-9A-Fa-f]{1,4}){1,4}|([0-9A-Fa-f]{1,4}:){1,2}(:[0-9A-Fa-f]{1,4}){1,5}|[0-9A-Fa-f]{1,4}:(:[0-9A-Fa-f]{1,4}){1,6}|:((:[0-9A-Fa-f]{1,4}){1,7}|:))/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$')",message="must be a network in CIDR notation, such as 10.0.0.0/8"
	// +listType=set
	// +optional
	TrustedNetworks []string `json:"trustedNetworks,omitempty"`
	// DeletedBusinessUnit is the business unit that Deleted users are shown under.
	// +kubebuilder:default="Deleted Users"
	// +kubebuilder:validation:MinLength=1
	// +optional
	DeletedBusinessUnit Line `json:"deletedBusinessUnit,omitempty"`
	// DriftPolicy says what is done when somebody changes the store against the specs: Correct repairs, Report only tells.
	// +kubebuilder:default=Correct
	// +optional
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`
}

// StoreStatus tells about the store as it was last opened.
type StoreStatus struct {
	// Location of the store, without credentials.
	// +optional
	Location string `json:"location,omitempty"`
	// SchemaVersion that the store has.
	// +optional
	SchemaVersion int64 `json:"schemaVersion,omitempty"`
	// PurgedInLogSince is since when the write-ahead log of an embedded store may have text of what was purged, because
	// somebody has been reading the store all the time. It is emptied by itself when they end.
	// +optional
	PurgedInLogSince *metav1.Time `json:"purgedInLogSince,omitempty"`
}

// PhoneSystemStatus is what was found of a PhoneSystem.
type PhoneSystemStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready, and, only while true, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Store that is in use.
	// +optional
	Store *StoreStatus `json:"store,omitempty"`
	// RestrictedPhones names phone services, the first thousand, that may do less than their own state lets them, since their users
	// are Deactivated or Deleted, or they lost them: to give one to somebody Active needs the verb activate.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	RestrictedPhones []string `json:"restrictedPhones,omitempty"`
	// RestrictedPhoneCount is the number of such phone services.
	// +optional
	RestrictedPhoneCount int32 `json:"restrictedPhoneCount,omitempty"`
	// HasMailboxes says that an Extension has a voicemail box, so that numbering.voicemailDigits cannot change.
	// +optional
	HasMailboxes bool `json:"hasMailboxes,omitempty"`
}

// PhoneSystem is one PBX: its store, SIP domain, numbering, emergency numbers and retention.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=psys,categories=pbx
// +kubebuilder:printcolumn:name="Domain",type=string,JSONPath=`.spec.domain`
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.status.store.location`,priority=1
// +kubebuilder:printcolumn:name="Schema",type=integer,JSONPath=`.status.store.schemaVersion`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters"
type PhoneSystem struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PhoneSystemSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status PhoneSystemStatus `json:"status,omitzero"`
}

// PhoneSystemList is a list of PhoneSystems.
//
// +kubebuilder:object:root=true
type PhoneSystemList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PhoneSystem `json:"items"`
}
