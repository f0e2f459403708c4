package sqlstore

import (
	"fmt"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// foldedUsername stands, in facts, for the SIP username in small letters.
const foldedUsername = "{folded username}"

// table says where the records of a kind are.
type table struct {
	name  string
	lists map[pbx.List]listTable
	// facts reads what the views tell; $1 is the record's name.
	facts string
}

// listTable says where a list is. Its rows belong to a record by the owner column.
type listTable struct {
	name, owner, key, value string
	// insert overrides how an item is inserted: $1 owner, $2 key.
	insert string
}

// insertService takes the lowest free slot of the eight; with none free the slot is null, which the store refuses.
const insertService = `INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ($1, $2, (
	SELECT MIN(column1) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS slots
	WHERE NOT EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = $1 AND slot = column1)))`

var tables = map[pbx.Kind]table{
	pbx.KindUser: {
		name: "pbx_users",
		lists: map[pbx.List]listTable{
			pbx.ListGroups:       {name: "pbx_user_groups", owner: "user_id", key: "group_name"},
			pbx.ListAgentIDs:     {name: "pbx_user_agent_ids", owner: "user_id", key: "agent_id"},
			pbx.ListIntegrations: {name: "integrations", owner: "user_id", key: "name", value: "account_id"},
			pbx.ListServices: {
				name: "pbx_user_services", owner: "user_id", key: "service_name", insert: insertService,
			},
		},
		facts: `SELECT 'profile', setup, business_unit, coalesce(number, '') FROM pbx_user_profile WHERE name = $1
			UNION ALL
			SELECT 'service', s.service_name, coalesce(p.state, CASE s.gone WHEN 1 THEN 'Purged' ELSE '' END), ''
			FROM pbx_users u JOIN pbx_user_services s ON s.user_id = u.id LEFT JOIN pbx_phones p ON p.name = s.service_name
			WHERE u.name = $1
			UNION ALL
			SELECT 'extension', name, coalesce(number, ''), '' FROM pbx_extensions WHERE holder = $1 AND state <> 'Deleted'`,
	},
	pbx.KindExtension: {
		name: "pbx_extensions",
		lists: map[pbx.List]listTable{
			pbx.ListDirectNumbers: {name: "pbx_direct_numbers", owner: "extension_id", key: "number", value: "position"},
		},
		facts: `SELECT 'extension', setup, CAST((
				SELECT count(*) FROM voicemessages WHERE mailboxuser = coalesce(s.number, s.id) AND msgnum >= 0) AS TEXT),
			coalesce((SELECT state FROM pbx_users WHERE name = s.holder), '')
			FROM pbx_extension_setup s WHERE name = $1
			UNION ALL
			SELECT 'greeting', '', '', '' WHERE EXISTS (
				SELECT 1 FROM pbx_extensions e JOIN voicemessages m ON m.mailboxuser = coalesce(e.number, e.id) AND m.msgnum < 0
				WHERE e.name = $1)`,
	},
	pbx.KindPhoneService: {
		name: "pbx_phones",
		facts: `SELECT 'phone', effective, coalesce((SELECT state FROM pbx_extensions WHERE name = r.extension), ''),
			CASE WHEN EXISTS (
				SELECT 1 FROM pbx_emergency_callers c JOIN pbx_system s ON s.main_number = c.number
				WHERE c.username = ` + foldedUsername + ` AND c.number <> '') THEN 'shared' ELSE '' END
			FROM pbx_phone_rights r WHERE name = $1
			UNION ALL
			SELECT 'offboarded', CASE count(*) WHEN 0 THEN '' WHEN sum(
					CASE WHEN u.state = 'Deleted' AND u.offboarding_services = 'Delete' THEN 1 ELSE 0 END) THEN 'yes' ELSE '' END, '', ''
			FROM pbx_user_services s JOIN pbx_users u ON u.id = s.user_id WHERE s.service_name = $1
			UNION ALL
			SELECT 'registered', g.since, g.user_agent, ''
			FROM pbx_phone_registrations g WHERE g.name = $1`,
	},
}

// selectRecord reads the row of a record: id, uid, generation, applied, then the fields in the schema's order.
func selectRecord(kind pbx.Kind) string {
	columns := []string{"id", "uid", "generation", "applied"}
	for _, f := range pbx.SchemaOf(kind).Fields {
		columns = append(columns, string(f.Field))
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE name = $1", strings.Join(columns, ", "), tables[kind].name)
}

// selectLists reads all lists of a record: list, key, value. It is empty for a kind without lists.
func selectLists(kind pbx.Kind) string {
	var parts []string
	for _, l := range pbx.SchemaOf(kind).Lists {
		t := tables[kind].lists[l.List]
		value := "''"
		if t.value != "" {
			value = "CAST(" + t.value + " AS TEXT)"
		}
		parts = append(parts, fmt.Sprintf("SELECT '%s', %s, %s FROM %s WHERE %s = $1", l.List, t.key, value, t.name, t.owner))
	}
	return strings.Join(parts, " UNION ALL ")
}

// selectHolders finds who has the claimed values ($2 ...) other than the record itself ($1): the claim's position, name
// and state. It is empty if nothing is claimed.
func selectHolders(kind pbx.Kind, claims []pbx.Claim, fold string) string {
	parts := make([]string, len(claims))
	for i, claim := range claims {
		parts[i] = selectHolder(kind, claim, i, fold)
	}
	return strings.Join(parts, " UNION ALL ")
}

func selectHolder(kind pbx.Kind, claim pbx.Claim, i int, fold string) string {
	t, value := tables[kind], fmt.Sprintf("$%d", i+2)
	if claim.Field == pbx.FieldNumber || claim.List == pbx.ListDirectNumbers { // one name space
		return fmt.Sprintf(`SELECT %d, r.name, r.state FROM pbx_claimed_numbers c JOIN %s r ON r.id = c.extension_id
			WHERE c.digits = ltrim(%s, '+') AND r.name <> $1`, i, t.name, value)
	}
	if claim.List != "" {
		l := t.lists[claim.List]
		return fmt.Sprintf("SELECT %d, r.name, r.state FROM %s l JOIN %s r ON r.id = l.%s WHERE l.%s = %s AND r.name <> $1",
			i, l.name, t.name, l.owner, l.key, value)
	}
	column := string(claim.Field)
	if pbx.SchemaOf(kind).Spec(claim.Field).Fold {
		column, value = fmt.Sprintf(fold, column), fmt.Sprintf(fold, value)
	}
	return fmt.Sprintf("SELECT %d, name, state FROM %s WHERE %s = %s AND name <> $1", i, t.name, column, value)
}

// insertItem inserts an item of a list: $1 owner, $2 key and, where the list has values, $3 value.
func (t listTable) insertItem() string {
	switch {
	case t.insert != "":
		return t.insert
	case t.value != "":
		return fmt.Sprintf("INSERT INTO %s (%s, %s, %s) VALUES ($1, $2, $3)", t.name, t.owner, t.key, t.value)
	default:
		return fmt.Sprintf("INSERT INTO %s (%s, %s) VALUES ($1, $2)", t.name, t.owner, t.key)
	}
}

func (t listTable) deleteItem() string {
	return fmt.Sprintf("DELETE FROM %s WHERE %s = $1 AND %s = $2", t.name, t.owner, t.key)
}
