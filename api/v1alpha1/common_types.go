package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Finalizer keeps an object until the store has confirmed what its deletionPolicy asks for.
const Finalizer = "pbx-operator.io/finalizer"

// State is the desired or actual state of a record.
//
// Active and Deactivated may change into each other; either may become Deleted; Deleted may be
// restored to Active or Deactivated, or become Purged; Purged is final.
//
// +kubebuilder:validation:Enum=Active;Deactivated;Deleted;Purged
type State string

// The states of a record.
const (
	StateActive      State = "Active"
	StateDeactivated State = "Deactivated"
	StateDeleted     State = "Deleted"
	StatePurged      State = "Purged"
)

// DeletionPolicy says what `kubectl delete`, or a GitOps prune, does with the record.
//
// +kubebuilder:validation:Enum=Delete;Purge;Orphan
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionPolicyDelete leaves a Deleted record, which a later manifest of the same name restores.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyPurge deletes the record and purges it, for good.
	DeletionPolicyPurge DeletionPolicy = "Purge"
	// DeletionPolicyOrphan lets go of the record and changes nothing in the store.
	DeletionPolicyOrphan DeletionPolicy = "Orphan"
)

// AdoptPolicy says when a record that belongs to somebody else, or to nobody, is taken over.
//
// +kubebuilder:validation:Enum=IfSame;Always
type AdoptPolicy string

// The adopt policies.
const (
	// AdoptIfSame takes a record of the same name over if its identity agrees.
	AdoptIfSame AdoptPolicy = "IfSame"
	// AdoptAlways takes a record of the same name over, whoever it was.
	AdoptAlways AdoptPolicy = "Always"
)

// Line is one line of text.
//
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\p{Cc}\\\\p{Zl}\\\\p{Zp}]')",message="must be one line of text: remove line breaks, tabs and other control characters"
type Line string

// EmailAddress is an address as RFC 5321 allows it, at most 254 characters.
//
// +kubebuilder:validation:MaxLength=254
// +kubebuilder:validation:XValidation:rule="self.size() == 0 || self.matches('^[^@\\\\p{Z}\\\\p{Cc}]+@[^@\\\\p{Z}\\\\p{Cc}]+$')",message="must be an e-mail address such as ada@example.com"
type EmailAddress string

// URL is an absolute http or https address.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^\\\\p{Z}\\\\p{Cc}]+$')",message="must be an absolute URL such as https://suite.example.com/phones/1"
type URL string

// Number is a directory number (DN), one to fifteen digits.
//
// +kubebuilder:validation:MaxLength=15
// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{1,15}$')",message="must be 1 to 15 digits, such as 1001; put an external number such as +4930123456 into directNumbers"
type Number string

// E164Number is an international public number (ITU-T E.164), a plus sign and at most fifteen digits.
//
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule="self.matches('^[+][1-9][0-9]{1,14}$')",message="must be an E.164 number: a plus sign, the country code and at most 15 digits in all, without spaces, such as +4930123456"
type E164Number string

// ObjectName names an object of this namespace.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",message="must be the name of an object in this namespace: lower-case letters, digits, - and ., such as ada-desk"
type ObjectName string

// LocalReference names an object in the same namespace; references never leave it.
type LocalReference struct {
	// Name of the object.
	Name ObjectName `json:"name"`
}

// SecretKeyReference names one key of a Secret in the same namespace.
type SecretKeyReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",message="must be the name of a Secret in this namespace: lower-case letters, digits, - and ., such as ada-login"
	Name string `json:"name"`
	// Key in the Secret's data. Default: password, pin or dsn, as the field that refers to it asks for.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]*$')",message="must be a key of a Secret: letters, digits and - . _"
	// +optional
	Key string `json:"key,omitempty"`
}

// RecordSpec is what User, Extension and PhoneService have in common.
type RecordSpec struct {
	// PhoneSystemRef names the PhoneSystem whose store holds the record. Immutable.
	// +kubebuilder:default={name: default}
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="phoneSystemRef is immutable: create a new object to move it to another phone system"
	// +optional
	PhoneSystemRef LocalReference `json:"phoneSystemRef,omitzero"`
	// State that the record is to be in. Active and Deactivated may change into each other; either may become
	// Deleted; Deleted is restored by Active or Deactivated, or becomes Purged; Purged is final.
	// Leave it out of Git where a help desk decides.
	// +kubebuilder:default=Active
	// +optional
	State State `json:"state,omitempty"`
	// DeletionPolicy says what deleting this object does: Delete leaves a Deleted record, which a later manifest of the
	// same name restores; Purge removes it for good; Orphan lets go of it and changes nothing.
	// +kubebuilder:default=Delete
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// Suspend makes the operator touch nothing of this record while true.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// Adopt says when a record of the same name that belongs to another object, or to none, is taken over: IfSame asks
	// that the identity agrees (the e-mail of a User, the number of an Extension, the SIP username of a PhoneService).
	// +kubebuilder:default=IfSame
	// +optional
	Adopt AdoptPolicy `json:"adopt,omitempty"`
}

// RecordStatus is what the status of User, Extension and PhoneService have in common.
type RecordStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready, and, only while true, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// State that the store is in.
	// +optional
	State State `json:"state,omitempty"`
}

// Record is an object that has a record in the store: a User, an Extension or a PhoneService.
//
// +kubebuilder:object:generate=false
type Record interface {
	client.Object
	// Common gives the part of the spec that all records share.
	Common() *RecordSpec
	// CommonStatus gives the part of the status that all records share.
	CommonStatus() *RecordStatus
}
