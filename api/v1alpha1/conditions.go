package v1alpha1

// Condition types, as kstatus defines them: Ready is always there; Reconciling and Stalled only while true.
const (
	ConditionReady       = "Ready"
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"
)

// Condition types that advise and do not keep an object from being ready.
const (
	// ConditionEmailRecommended is true on a User that holds an Extension and has no e-mail address.
	ConditionEmailRecommended = "EmailRecommended"
	// ConditionVoicemailUnavailable is true on an Extension whose number cannot have the voicemail box it asks for.
	ConditionVoicemailUnavailable = "VoicemailUnavailable"
	// ConditionNotHonoured is true on a PhoneService that asks for what no engine that is shipped does: a key of type BLF, or a
	// transport other than UDP and TCP.
	ConditionNotHonoured = "NotHonoured"
	// ConditionCallbackIsShared is true on a PhoneService whose emergency calls show the main number.
	ConditionCallbackIsShared = "CallbackIsShared"
	// ConditionUsernameIsNumber is true on a PhoneService whose SIP username has become the number of an Extension that it does
	// not ring.
	ConditionUsernameIsNumber = "UsernameIsNumber"
	// ConditionNoCallbackNumber is true on a PhoneSystem without mainNumber: emergency calls of phones whose extension has no
	// direct number show none that can be called back.
	ConditionNoCallbackNumber = "NoCallbackNumber"
)

// Reasons of the conditions. They are part of the API: scripts may rely on them.
const (
	// ReasonReconciled: the store is in the declared state.
	ReasonReconciled = "Reconciled"
	// ReasonOffboardedWithUser: the PhoneService is Deleted because all its users are, and one of them took it along with
	// offboarding.services. It is restored with them. Ready is true.
	ReasonOffboardedWithUser = "OffboardedWithUser"
	// ReasonServicesFrozen: the services of the spec are others than the store keeps of a Deleted user, and come into force when
	// the user is restored. Ready is true.
	ReasonServicesFrozen = "ServicesFrozen"
	// ReasonBlocked: the store is in the declared state, and the phone may not be used: it lost its users, they are all
	// Deleted, or a reset took it from them. Ready is true.
	ReasonBlocked = "Blocked"
	// ReasonCredentialsReleased: the given SIP password was that of the previous holder of the extension; the phone is
	// blocked until the content of the Secret changes.
	ReasonCredentialsReleased = "CredentialsReleased"
	// ReasonSuspended: spec.suspend is true, nothing is touched.
	ReasonSuspended = "Suspended"
	// ReasonDriftReported: somebody changed the record, and the PhoneSystem's driftPolicy is Report.
	ReasonDriftReported = "DriftReported"

	// ReasonPhoneSystemNotFound: spec.phoneSystemRef names an object that is not there yet.
	ReasonPhoneSystemNotFound = "PhoneSystemNotFound"
	// ReasonPhoneSystemNotReady: the phone system is there, but its store is not open.
	ReasonPhoneSystemNotReady = "PhoneSystemNotReady"
	// ReasonReferenceNotFound: a referenced object is not there yet.
	ReasonReferenceNotFound = "ReferenceNotFound"
	// ReasonReferenceInOtherPhoneSystem: a referenced object belongs to another phone system.
	ReasonReferenceInOtherPhoneSystem = "ReferenceInOtherPhoneSystem"
	// ReasonSecretNotFound: a referenced Secret, or its key, is not there yet.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretInvalid: a referenced Secret holds a value that cannot be used.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonSecretConflict: the Secret that generated credentials would go to belongs to somebody else.
	ReasonSecretConflict = "SecretConflict"
	// ReasonPrimaryOfUser: the phone service is the primary of a user who has others, so it may not go.
	ReasonPrimaryOfUser = "PrimaryOfUser"
	// ReasonObjectsRemain: a PhoneSystem being deleted waits for the objects that use it.
	ReasonObjectsRemain = "ObjectsRemain"

	// ReasonHeldByOther: a number, login, SIP username, MAC or agent ID is held by another record.
	ReasonHeldByOther = "HeldByOther"
	// ReasonOwnedByOther: the record of this name belongs to another object, or was there before, with another identity.
	ReasonOwnedByOther = "OwnedByOther"
	// ReasonStoreOwnedByOther: the store serves another PhoneSystem.
	ReasonStoreOwnedByOther = "StoreOwnedByOther"

	// ReasonTimeZoneUnknown: the time zone of a PhoneSystem is none that the operator knows; days are counted as before.
	ReasonTimeZoneUnknown = "TimeZoneUnknown"
	// ReasonEmergencyNumber: a number of an Extension, or the SIP username of a PhoneService, is an emergency number.
	ReasonEmergencyNumber = "EmergencyNumber"
	// ReasonUsernameIsNumber: the SIP username of a PhoneService is the number of an Extension that it does not ring.
	ReasonUsernameIsNumber = "UsernameIsNumber"
	// ReasonAlreadyPurged: the record of this very object was purged, which is final.
	ReasonAlreadyPurged = "AlreadyPurged"
	// ReasonRejectedByStore: a constraint of the store refuses the record.
	ReasonRejectedByStore = "RejectedByStore"

	// ReasonStoreUnavailable: the store cannot be reached, or cannot be written to. It heals by itself.
	ReasonStoreUnavailable = "StoreUnavailable"
	// ReasonStoreTooNew: the store's schema is newer than this operator.
	ReasonStoreTooNew = "StoreTooNew"
	// ReasonStoreMissing: a store that was in use is not where it was, or is empty.
	ReasonStoreMissing = "StoreMissing"
	// ReasonStoreInvalid: the store's address is not one that is allowed.
	ReasonStoreInvalid = "StoreInvalid"
	// ReasonFenced: another operator leads; this one writes nothing any more.
	ReasonFenced = "Fenced"
	// ReasonFailed: anything else; tried again with growing pauses.
	ReasonFailed = "Failed"
)

// Reasons of events. An event tells what a person should look at; plain success has none.
const (
	EventDriftRepaired          = "DriftRepaired"
	EventDriftReported          = "DriftReported"
	EventCredentialsRegenerated = "CredentialsRegenerated"
	EventPurged                 = "Purged"
	EventReset                  = "Reset"
	EventMailboxRemoved         = "MailboxRemoved"
	EventOrphaned               = "Orphaned"
	EventRefused                = "Refused"
	EventRemoveElsewhere        = "RemoveElsewhere"
	EventPurgedInLog            = "PurgedInLog"
	EventStoreTakenOver         = "StoreTakenOver"
	EventStoreOwnershipNotFreed = "StoreOwnershipNotFreed"
)
