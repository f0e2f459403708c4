// Package v1alpha1 holds the kinds of pbx-operator: PhoneSystem, User, Extension and PhoneService.
//
// +kubebuilder:object:generate=true
// +groupName=pbx-operator.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "pbx-operator.io", Version: "v1alpha1"}

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds of this package with a scheme.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&PhoneSystem{}, &PhoneSystemList{},
		&User{}, &UserList{},
		&Extension{}, &ExtensionList{},
		&PhoneService{}, &PhoneServiceList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
