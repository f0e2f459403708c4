package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Voicemail is the box of an extension.
type Voicemail struct {
	// Enabled gives the extension a box, if its number has exactly the phone system's voicemailDigits.
	// Turned off, messages are kept until the extension is purged.
	// +optional
	Enabled bool `json:"enabled,omitempty"`
	// PinSecretRef names the Secret key with the PIN, 4 to 10 digits. Default key: pin.
	// A PIN that its owner changes by phone stays until the Secret's content changes.
	// +optional
	PinSecretRef *SecretKeyReference `json:"pinSecretRef,omitempty"`
	// Email address that new messages are announced to.
	// +optional
	Email EmailAddress `json:"email,omitempty"`
}

// ReleaseItem is something of the previous holder that is cleared when an extension is released.
//
// +kubebuilder:validation:Enum=Email;Password;VoicemailPIN;Devices;Preferences
type ReleaseItem string

// The items that a release may clear.
const (
	ReleaseEmail        ReleaseItem = "Email"
	ReleasePassword     ReleaseItem = "Password"
	ReleaseVoicemailPIN ReleaseItem = "VoicemailPIN"
	ReleaseDevices      ReleaseItem = "Devices"
	ReleasePreferences  ReleaseItem = "Preferences"
)

// OnRelease says what happens when the holder lets go of an extension.
type OnRelease struct {
	// Clear lists what is cleared. Voicemail messages and call records always stay.
	// +kubebuilder:default={Email,Password,VoicemailPIN,Devices,Preferences}
	// +kubebuilder:validation:MaxItems=5
	// +listType=set
	// +optional
	Clear []ReleaseItem `json:"clear,omitempty"`
}

// ExtensionSpec is a directory number (DN), its direct numbers (DIDs) and its voicemail box.
//
// +kubebuilder:validation:XValidation:rule="oldSelf.state != 'Purged' || self.state == 'Purged'",message="Purged is final: delete this object and create a new one; nothing of the old record is left"
// +kubebuilder:validation:XValidation:rule="self.state != 'Purged' || oldSelf.state in ['Deleted', 'Purged']",message="only a Deleted extension can be purged: set spec.state to Deleted first, then to Purged"
// +kubebuilder:validation:XValidation:rule="self.state == 'Purged' || has(self.number)",message="an extension needs a number, unless state is Purged"
type ExtensionSpec struct {
	RecordSpec `json:",inline"`

	// Number is the directory number; it has one holder in a phone system.
	// +optional
	Number Number `json:"number,omitempty"`
	// DirectNumbers are the public numbers (DIDs) that ring this extension; the first is its outbound caller ID.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(n, self.exists_one(m, m == n))",message="a direct number is listed twice: remove one"
	// +listType=atomic
	// +optional
	DirectNumbers []E164Number `json:"directNumbers,omitempty"`
	// UserRef names the User who holds the extension.
	// +optional
	UserRef *LocalReference `json:"userRef,omitempty"`
	// DisplayName of a common number without a holder, such as Lobby.
	// +optional
	DisplayName Line `json:"displayName,omitempty"`
	// Voicemail box of the extension.
	// +optional
	Voicemail Voicemail `json:"voicemail,omitzero"`
	// OnRelease says what is cleared when the holder changes.
	// +kubebuilder:default={clear: {Email,Password,VoicemailPIN,Devices,Preferences}}
	// +optional
	OnRelease OnRelease `json:"onRelease,omitzero"`
}

// Mailbox is the voicemail box as the store has it.
type Mailbox struct {
	// Number of the box; empty while it is turned off, and only its messages are kept.
	// +optional
	Number string `json:"number,omitempty"`
	// Messages in the box.
	Messages int64 `json:"messages"`
}

// ExtensionStatus is what was found of an Extension.
type ExtensionStatus struct {
	RecordStatus `json:",inline"`

	// Holder is the User who holds the extension.
	// +optional
	Holder string `json:"holder,omitempty"`
	// Setup tells what is still missing: SetupRequired, PasswordRequired or Complete.
	// +optional
	Setup Setup `json:"setup,omitempty"`
	// Mailbox of the extension; absent when it has none, and no messages are kept.
	// +optional
	Mailbox *Mailbox `json:"mailbox,omitempty"`
}

// Extension is a directory number (DN), its direct numbers (DIDs) and its voicemail box.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ext,categories=pbx
// +kubebuilder:printcolumn:name="Number",type=string,JSONPath=`.spec.number`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Holder",type=string,JSONPath=`.status.holder`
// +kubebuilder:printcolumn:name="Setup",type=string,JSONPath=`.status.setup`
// +kubebuilder:printcolumn:name="Messages",type=integer,JSONPath=`.status.mailbox.messages`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters"
type Extension struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ExtensionSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ExtensionStatus `json:"status,omitzero"`
}

// Common implements Record.
func (e *Extension) Common() *RecordSpec { return &e.Spec.RecordSpec }

// CommonStatus implements Record.
func (e *Extension) CommonStatus() *RecordStatus { return &e.Status.RecordStatus }

// ExtensionList is a list of Extensions.
//
// +kubebuilder:object:root=true
type ExtensionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Extension `json:"items"`
}
