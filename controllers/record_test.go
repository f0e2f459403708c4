package controllers_test

import (
	"maps"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// record is all that the store holds of an object: columns and lists that are not empty.
type record map[string]string

// tables are those that hold an object's row, and its lists with the query that reads them by the row's id.
func tables(object pbxv1.Record) (row string, lists map[string]string) {
	switch object.(type) {
	case *pbxv1.User:
		return "pbx_users", map[string]string{
			"groups":       "SELECT group_name FROM pbx_user_groups WHERE user_id = $1 ORDER BY 1",
			"agent_ids":    "SELECT agent_id FROM pbx_user_agent_ids WHERE user_id = $1 ORDER BY 1",
			"services":     "SELECT service_name FROM pbx_user_services WHERE user_id = $1 ORDER BY 1",
			"integrations": "SELECT name, account_id FROM integrations WHERE user_id = $1 ORDER BY 1",
		}
	case *pbxv1.Extension:
		return "pbx_extensions", map[string]string{
			"direct_numbers": "SELECT number FROM pbx_direct_numbers WHERE extension_id = $1 ORDER BY position",
		}
	default:
		return "pbx_phones", nil
	}
}

// record reads all that the store holds of an object.
func (s *system) record(object pbxv1.Record) record {
	GinkgoHelper()
	table, lists := tables(object)
	found, err := s.db.columns("SELECT * FROM "+table+" WHERE name = $1", object.GetName())
	Expect(err).NotTo(HaveOccurred())
	all := record{}
	for column, value := range found {
		if value != "" && value != "NULL" {
			all[column] = value
		}
	}
	for list, query := range lists {
		if items := s.db.rows(query, all["id"]); len(items) > 0 {
			all[list] = strings.Join(items, ",")
		}
	}
	return all
}

// field reads one column of an object's row each time that it is asked.
func (s *system) field(object pbxv1.Record, column string) func() (string, error) {
	table, _ := tables(object)
	return func() (string, error) {
		found, err := s.db.read("SELECT "+column+" FROM "+table+" WHERE name = $1", object.GetName())
		return strings.Join(found, ""), err
	}
}

// content is a record without what tells of the object that it belongs to.
func (r record) content() record {
	content := maps.Clone(r)
	for _, column := range []string{"uid", "generation", "applied"} {
		delete(content, column)
	}
	return content
}

// with gives a record with some values changed; an empty one takes the column or list away.
func (r record) with(changes record) record {
	changed := maps.Clone(r)
	for column, value := range changes {
		changed[column] = value
		if value == "" {
			delete(changed, column)
		}
	}
	return changed
}

// sipSecretOf reads the Secret with the generated credentials of a phone; nil if there is none.
func sipSecretOf(phone pbxv1.Record) *corev1.Secret {
	GinkgoHelper()
	secret, err := readSecret(phone.GetNamespace(), phone.GetName()+"-sip")
	Expect(err).NotTo(HaveOccurred())
	return secret
}

func readSecret(namespace, name string) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := api.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return &secret, err
}
