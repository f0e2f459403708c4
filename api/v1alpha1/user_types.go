package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxServices is the number of phone services that a user may have.
const MaxServices = 8

// Login is how a user signs in to the products.
type Login struct {
	// Username to sign in with. Default: the object's name. One holder in a phone system, compared without case.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9][A-Za-z0-9._@+-]*$')",message="must be letters, digits and . _ @ + -, beginning with a letter or digit"
	// +optional
	Username string `json:"username,omitempty"`
	// PasswordSecretRef names the Secret key with the sign-in password, at most 72 bytes. Default key: password.
	// A password that its owner changes in a portal stays until the Secret's content changes.
	// +optional
	PasswordSecretRef *SecretKeyReference `json:"passwordSecretRef,omitempty"`
}

// Integration is an account of the user in another product, such as Zoom or Teams. It is dropped while the user is not Active.
type Integration struct {
	// Name of the product.
	// +kubebuilder:validation:MinLength=1
	Name Line `json:"name"`
	// AccountID of the user in it.
	// +optional
	AccountID Line `json:"accountID,omitempty"`
}

// OffboardingPolicy says what happens to the services that no other user holds when the user is deleted.
//
// +kubebuilder:validation:Enum=Keep;Delete
type OffboardingPolicy string

// The offboarding policies.
const (
	OffboardingKeep   OffboardingPolicy = "Keep"
	OffboardingDelete OffboardingPolicy = "Delete"
)

// Offboarding says what goes with a user.
type Offboarding struct {
	// Services that no other user holds are kept, or treated as Deleted with the user and restored with the user.
	// +kubebuilder:default=Keep
	// +optional
	Services OffboardingPolicy `json:"services,omitempty"`
}

// UserSpec is a person, and the desired state of everything they hold.
//
// +kubebuilder:validation:XValidation:rule="oldSelf.state != 'Purged' || self.state == 'Purged'",message="Purged is final: delete this object and create a new one; nothing of the old record is left"
// +kubebuilder:validation:XValidation:rule="self.state != 'Purged' || oldSelf.state in ['Deleted', 'Purged']",message="only a Deleted user can be purged: set spec.state to Deleted first, then to Purged"
// +kubebuilder:validation:XValidation:rule="self.state == 'Purged' || (has(self.firstName) && self.firstName.trim().size() > 0 && has(self.lastName) && self.lastName.trim().size() > 0)",message="a user needs a firstName and a lastName, unless state is Purged"
// +kubebuilder:validation:XValidation:rule="!has(self.services) || self.services.size() == 0 || (has(self.primaryService) && self.primaryService.size() > 0)",message="a user with services needs exactly one primary: set primaryService to the name of one of the services"
// +kubebuilder:validation:XValidation:rule="!has(self.primaryService) || self.primaryService.size() == 0 || (has(self.services) && self.services.exists(s, s.name == self.primaryService))",message="primaryService must be the name of one of the services: add it to services, or remove primaryService"
type UserSpec struct {
	RecordSpec `json:",inline"`

	// FirstName of the person.
	// +optional
	FirstName Line `json:"firstName,omitempty"`
	// LastName of the person.
	// +optional
	LastName Line `json:"lastName,omitempty"`
	// Email address: the identity by which a record is recognised, compared without case.
	// +optional
	Email EmailAddress `json:"email,omitempty"`
	// Department that the person works in.
	// +optional
	Department Line `json:"department,omitempty"`
	// Location that the person works at.
	// +optional
	Location Line `json:"location,omitempty"`
	// BusinessUnit that the person's calls are reported under.
	// +optional
	BusinessUnit Line `json:"businessUnit,omitempty"`
	// Role of the person in the products. Unlinked while the user is Deleted.
	// +optional
	Role Line `json:"role,omitempty"`
	// Groups that the person is a member of.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	Groups []Line `json:"groups,omitempty"`
	// AgentIDs of the person in call centres; each has one holder in a phone system. Unlinked while the user is Deleted.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[A-Za-z0-9._-]+$')",message="must be letters, digits and . _ -"
	// +listType=set
	// +optional
	AgentIDs []string `json:"agentIDs,omitempty"`
	// Services are the phone services of the person, at most eight.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Services []LocalReference `json:"services,omitempty"`
	// PrimaryService is the name of one of the services; required as soon as there is one.
	// It decides which number is shown for the user.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	PrimaryService string `json:"primaryService,omitempty"`
	// Login is how the person signs in.
	// +optional
	Login Login `json:"login,omitzero"`
	// Integrations are the person's accounts in other products.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Integrations []Integration `json:"integrations,omitempty"`
	// Offboarding says what goes with the user.
	// +kubebuilder:default={services: Keep}
	// +optional
	Offboarding Offboarding `json:"offboarding,omitzero"`
}

// Setup tells what an extension or a user still needs to be of use.
type Setup string

// The steps of a setup.
const (
	// SetupRequired: nobody holds the extension, and it has no displayName.
	SetupRequired Setup = "SetupRequired"
	// PasswordRequired: the holder has no sign-in password, or the voicemail box no PIN.
	PasswordRequired Setup = "PasswordRequired"
	// SetupComplete: nothing is missing.
	SetupComplete Setup = "Complete"
)

// UserService is a phone service of a user, as the store has it.
type UserService struct {
	// Name of the PhoneService.
	Name string `json:"name"`
	// State of the phone service: empty while it is not there yet, Deleted or Purged when it is gone.
	// +optional
	State State `json:"state,omitempty"`
	// Type of a phone service that is not ours to edit: Remote or Foreign.
	// +optional
	Type ServiceType `json:"type,omitempty"`
	// URL at which a Foreign phone service is managed.
	// +optional
	URL string `json:"url,omitempty"`
}

// UserExtension is an extension that a user holds.
type UserExtension struct {
	// Name of the Extension.
	Name string `json:"name"`
	// Number of the Extension.
	// +optional
	Number string `json:"number,omitempty"`
}

// UserStatus is what was found of a User. After a purge it holds no personal field.
type UserStatus struct {
	RecordStatus `json:",inline"`

	// ServiceCount is the number of services of the eight that a user may have, such as 3/8.
	// +optional
	ServiceCount string `json:"serviceCount,omitempty"`
	// Services of the user with their states.
	// +listType=map
	// +listMapKey=name
	// +optional
	Services []UserService `json:"services,omitempty"`
	// PrimaryService of the user.
	// +optional
	PrimaryService string `json:"primaryService,omitempty"`
	// Extensions that the user holds.
	// +listType=map
	// +listMapKey=name
	// +optional
	Extensions []UserExtension `json:"extensions,omitempty"`
	// Number that is shown for the user: of the primary service's extension if the user holds it, else the lowest they hold.
	// +optional
	Number string `json:"number,omitempty"`
	// BusinessUnit that the user is shown under.
	// +optional
	BusinessUnit string `json:"businessUnit,omitempty"`
	// Setup tells what is still missing: PasswordRequired or Complete.
	// +optional
	Setup Setup `json:"setup,omitempty"`
	// ReferencedBy names what still routes calls to the user, the first ten.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +optional
	ReferencedBy []string `json:"referencedBy,omitempty"`
	// ReferencedByCount is the number of objects that still route calls to the user.
	// +optional
	ReferencedByCount int32 `json:"referencedByCount,omitempty"`
}

// User is a person and the desired state of everything they hold.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pbxuser,categories=pbx
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Services",type=string,JSONPath=`.status.serviceCount`
// +kubebuilder:printcolumn:name="Primary",type=string,JSONPath=`.status.primaryService`
// +kubebuilder:printcolumn:name="Extension",type=string,JSONPath=`.status.number`
// +kubebuilder:printcolumn:name="Setup",type=string,JSONPath=`.status.setup`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters"
type User struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec UserSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status UserStatus `json:"status,omitzero"`
}

// Common implements Record.
func (u *User) Common() *RecordSpec { return &u.Spec.RecordSpec }

// CommonStatus implements Record.
func (u *User) CommonStatus() *RecordStatus { return &u.Status.RecordStatus }

// UserList is a list of Users.
//
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []User `json:"items"`
}
