package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ServiceType says where a phone service lives.
//
// +kubebuilder:validation:Enum=Local;Remote;Foreign
type ServiceType string

// The types of phone services.
const (
	// ServiceLocal is a phone of this phone system.
	ServiceLocal ServiceType = "Local"
	// ServiceRemote is owned by another node: associated and shown, never edited.
	ServiceRemote ServiceType = "Remote"
	// ServiceForeign belongs to another system: shown with its URL, never edited.
	ServiceForeign ServiceType = "Foreign"
)

// Profile is how a phone presents itself.
type Profile struct {
	// Label on the phone's display.
	// +optional
	Label Line `json:"label,omitempty"`
	// Language of the phone, as BCP 47 writes it, such as de or en-GB.
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$')",message="must be a BCP 47 language tag, such as de or en-GB"
	// +optional
	Language string `json:"language,omitempty"`
}

// Device is the hardware or software that the service runs on.
type Device struct {
	// Type of the device, such as DeskPhone, Softphone or DECT.
	// +optional
	Type Line `json:"type,omitempty"`
	// Model of the device.
	// +optional
	Model Line `json:"model,omitempty"`
	// MAC address: twelve hexadecimal digits, plain or in pairs joined by : or -. One holder in a phone system.
	// +kubebuilder:validation:MaxLength=17
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}$|^[0-9A-Fa-f]{12}$')",message="must be a MAC address, such as 00:1a:2b:3c:4d:5e"
	// +optional
	MAC string `json:"mac,omitempty"`
}

// Transport that a phone registers by.
//
// +kubebuilder:validation:Enum=UDP;TCP;TLS;WS;WSS
type Transport string

// The transports that the engines that are shipped do.
const (
	TransportUDP Transport = "UDP"
	TransportTCP Transport = "TCP"
)

// SIP holds the account of a phone.
type SIP struct {
	// Username of the SIP account. Default: the object's name. One holder in a phone system, compared without case. Digits
	// may be those of the phone's own extension, not those of another, nor an emergency number.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9][A-Za-z0-9._+-]*$')",message="must be letters, digits and . _ + -, beginning with a letter or digit"
	// +optional
	Username string `json:"username,omitempty"`
	// PasswordSecretRef names the Secret key with the SIP password, at least 12 printable ASCII characters. Default key: password.
	// If it is left out, the operator generates a password into Secret <name>-sip.
	// +optional
	PasswordSecretRef *SecretKeyReference `json:"passwordSecretRef,omitempty"`
	// Transport that the phone registers by. The engines that are shipped do UDP and TCP.
	// +kubebuilder:default=UDP
	// +optional
	Transport Transport `json:"transport,omitempty"`
}

// KeyType is what a key of a phone does.
//
// +kubebuilder:validation:Enum=Line;BLF;SpeedDial
type KeyType string

// KeyBLF is a key that watches another extension (busy lamp field).
const KeyBLF KeyType = "BLF"

// Key is a programmable key of a phone.
type Key struct {
	// Index of the key on the phone, from 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Index int32 `json:"index"`
	// Type of the key.
	Type KeyType `json:"type"`
	// Value that the key dials or watches.
	// +optional
	Value Line `json:"value,omitempty"`
	// Label of the key.
	// +optional
	Label Line `json:"label,omitempty"`
}

// ForeignService tells where a foreign service is managed.
type ForeignService struct {
	// System that owns the service.
	// +kubebuilder:validation:MinLength=1
	System Line `json:"system"`
	// URL at which it is managed.
	// +optional
	URL *URL `json:"url,omitempty"`
}

// AttachedService is a service of another suite that hangs on the phone.
type AttachedService struct {
	// System that owns the service.
	// +kubebuilder:validation:MinLength=1
	System Line `json:"system"`
	// Name of the service in that system.
	// +kubebuilder:validation:MinLength=1
	Name Line `json:"name"`
	// ManagedHere says that the service goes with the phone; otherwise it has to be removed in its own system.
	// +optional
	ManagedHere bool `json:"managedHere,omitempty"`
	// URL at which the service is managed.
	// +optional
	URL *URL `json:"url,omitempty"`
}

// PhoneServiceSpec is a phone line on a device.
//
// +kubebuilder:validation:XValidation:rule="oldSelf.state != 'Purged' || self.state == 'Purged'",message="Purged is final: delete this object and create a new one; nothing of the old record is left"
// +kubebuilder:validation:XValidation:rule="self.state != 'Purged' || oldSelf.state in ['Deleted', 'Purged']",message="only a Deleted phone service can be purged: set spec.state to Deleted first, then to Purged"
// +kubebuilder:validation:XValidation:rule="self.type != 'Local' || self.state == 'Purged' || has(self.extensionRef)",message="a Local phone service needs an extensionRef: the Extension that it rings"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Foreign') == has(self.foreign) || self.state == 'Purged'",message="foreign belongs to type Foreign, and type Foreign needs it: set both or neither"
// +kubebuilder:validation:XValidation:rule="self.type != 'Remote' || !(self.state in ['Deleted', 'Purged'])",message="a Remote phone service is deleted on the node that owns it: take it out of the services of its users, or let go of this object with deletionPolicy Orphan"
type PhoneServiceSpec struct {
	RecordSpec `json:",inline"`

	// Type says where the service lives: Local; Remote, owned by another node; Foreign, owned by another system. Immutable.
	// +kubebuilder:default=Local
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="type is immutable: create a new PhoneService of the other type"
	// +optional
	Type ServiceType `json:"type,omitempty"`
	// ExtensionRef names the Extension that the phone rings for; required for Local.
	// +optional
	ExtensionRef *LocalReference `json:"extensionRef,omitempty"`
	// Profile is how the phone presents itself.
	// +optional
	Profile Profile `json:"profile,omitzero"`
	// Device that the service runs on.
	// +optional
	Device Device `json:"device,omitzero"`
	// SIP account of the phone.
	// +kubebuilder:default={transport: UDP}
	// +optional
	SIP SIP `json:"sip,omitzero"`
	// Applications that run on the phone.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	Applications []Line `json:"applications,omitempty"`
	// Keys of the phone.
	// +kubebuilder:validation:MaxItems=128
	// +listType=map
	// +listMapKey=index
	// +optional
	Keys []Key `json:"keys,omitempty"`
	// Foreign tells where a service of type Foreign is managed.
	// +optional
	Foreign *ForeignService `json:"foreign,omitempty"`
	// Attached are services of another suite that hang on the phone.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=system
	// +listMapKey=name
	// +optional
	Attached []AttachedService `json:"attached,omitempty"`
}

// EffectiveRight is what a phone may do: the lower of its own state and the best of its users.
type EffectiveRight string

// The effective rights.
const (
	// EffectiveNormal: may register and call anyone.
	EffectiveNormal EffectiveRight = "Normal"
	// EffectiveEmergencyOnly: may register and call emergency numbers only.
	EffectiveEmergencyOnly EffectiveRight = "EmergencyOnly"
	// EffectiveBlocked: cannot register.
	EffectiveBlocked EffectiveRight = "Blocked"
)

// Registration tells of a phone that is registered.
type Registration struct {
	// Since when the phone is registered.
	Since metav1.Time `json:"since"`
	// UserAgent is what the phone calls itself.
	// +kubebuilder:validation:MaxLength=255
	// +optional
	UserAgent string `json:"userAgent,omitempty"`
}

// PhoneServiceStatus is what was found of a PhoneService.
type PhoneServiceStatus struct {
	RecordStatus `json:",inline"`

	// Users that have the service, the first ten.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +optional
	Users []string `json:"users,omitempty"`
	// UserCount is the number of users that have the service.
	// +optional
	UserCount int32 `json:"userCount,omitempty"`
	// PrimaryFor names the users, the first ten, who have this service as primary and others beside it.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +optional
	PrimaryFor []string `json:"primaryFor,omitempty"`
	// PrimaryForCount is the number of users who have this service as primary and others beside it.
	// +optional
	PrimaryForCount int32 `json:"primaryForCount,omitempty"`
	// Effective right of the phone: Normal, EmergencyOnly or Blocked.
	// +optional
	Effective EffectiveRight `json:"effective,omitempty"`
	// Registered tells of the phone's registration with a SIP engine that keeps it in the store; absent while there is none.
	// +optional
	Registered *Registration `json:"registered,omitempty"`
	// SecretName is the Secret that holds the phone's SIP credentials.
	// +optional
	SecretName string `json:"secretName,omitempty"`
}

// PhoneService is a phone line on a device: SIP credentials, device and keys; used by one or many users.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=phone,categories=pbx
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Effective",type=string,JSONPath=`.status.effective`
// +kubebuilder:printcolumn:name="Extension",type=string,JSONPath=`.spec.extensionRef.name`
// +kubebuilder:printcolumn:name="Registered",type=date,JSONPath=`.status.registered.since`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.userCount`
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.spec.device.model`,priority=1
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.foreign.url`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters"
type PhoneService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PhoneServiceSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status PhoneServiceStatus `json:"status,omitzero"`
}

// Common implements Record.
func (p *PhoneService) Common() *RecordSpec { return &p.Spec.RecordSpec }

// CommonStatus implements Record.
func (p *PhoneService) CommonStatus() *RecordStatus { return &p.Status.RecordStatus }

// PhoneServiceList is a list of PhoneServices.
//
// +kubebuilder:object:root=true
type PhoneServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PhoneService `json:"items"`
}
