package cel

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	pbx "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
)

const acmeDir = "config/samples/acme"

// company is the sample company as kustomize builds it, by names.
type company struct {
	systems    map[string]pbx.PhoneSystem
	users      map[string]pbx.User
	extensions map[string]pbx.Extension
	phones     map[string]pbx.PhoneService
	secrets    map[string]corev1.Secret
}

func acme(t *testing.T) company {
	t.Helper()
	text, err := kube.Kubectl(t, "kustomize", acmeDir)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c := company{
		map[string]pbx.PhoneSystem{},
		map[string]pbx.User{},
		map[string]pbx.Extension{},
		map[string]pbx.PhoneService{},
		map[string]corev1.Secret{},
	}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		read(t, document, &object, false)
		name := object.Metadata.Name
		switch object.Kind {
		case "PhoneSystem":
			collect(t, document, c.systems, name)
		case "User":
			collect(t, document, c.users, name)
		case "Extension":
			collect(t, document, c.extensions, name)
		case "PhoneService":
			collect(t, document, c.phones, name)
		case "Secret":
			collect(t, document, c.secrets, name)
		}
	}
	return c
}

func collect[T any](t *testing.T, document string, into map[string]T, name string) {
	t.Helper()
	var object T
	read(t, document, &object, true)
	into[name] = object
}

func read(t *testing.T, document string, into any, strict bool) {
	t.Helper()
	unmarshal := func() error { return yaml.Unmarshal([]byte(document), into) }
	if strict {
		unmarshal = func() error { return yaml.UnmarshalStrict([]byte(document), into) }
	}
	if err := unmarshal(); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
}

// stateOf is the state as the API server defaults it.
func stateOf(record pbx.Record) pbx.State {
	if state := record.Common().State; state != "" {
		return state
	}
	return pbx.StateActive
}

// TestAcmeHasEverything counts what the sample promises.
func TestAcmeHasEverything(t *testing.T) {
	c := acme(t)
	if len(c.users) < 40 || len(c.phones) != 60 || len(c.systems) != 1 {
		t.Errorf("%d users (at least 40), %d phone services (60), %d phone systems (1)", len(c.users), len(c.phones), len(c.systems))
	}
	found := map[string]int{}
	for _, user := range c.users {
		found["User "+string(stateOf(&user))]++
		found[fmt.Sprintf("user with %d services", len(user.Spec.Services))]++
		if len(user.Spec.Services) > 0 && user.Spec.Login.PasswordSecretRef == nil {
			found["user without a password"]++
		}
	}
	for _, extension := range c.extensions {
		found["Extension "+string(stateOf(&extension))]++
		found["extension of "+holderOf(extension)]++
		if len(extension.Spec.DirectNumbers) > 0 {
			found["extension with a direct number"]++
		}
		if extension.Spec.Voicemail.Enabled && extension.Spec.UserRef != nil && extension.Spec.Voicemail.PinSecretRef == nil {
			found["box without a PIN"]++
		}
	}
	for name, phone := range c.phones {
		found["PhoneService "+string(stateOf(&phone))]++
		found["device "+string(phone.Spec.Device.Type)]++
		found["type "+string(phone.Spec.Type)]++
		if len(c.usersOf(name)) > 2 {
			found["phone of many"]++
		}
	}
	for _, wanted := range []string{
		"User Active", "User Deactivated", "User Deleted", "User Purged",
		"Extension Active", "Extension Deactivated", "Extension Deleted", "Extension Purged",
		"PhoneService Active", "PhoneService Deactivated", "PhoneService Deleted", "PhoneService Purged",
		"user with 0 services", "user with 1 services", "user with 2 services", "user with 8 services", "user without a password",
		"extension of somebody", "extension of nobody", "extension of Lobby", "extension with a direct number", "box without a PIN",
		"device DeskPhone", "device Softphone", "type Remote", "type Foreign", "phone of many",
	} {
		if found[wanted] == 0 {
			t.Errorf("no %s in %v", wanted, found)
		}
	}
}

func holderOf(extension pbx.Extension) string {
	switch {
	case extension.Spec.UserRef != nil:
		return "somebody"
	case extension.Spec.DisplayName != "":
		return string(extension.Spec.DisplayName)
	default:
		return "nobody"
	}
}

// usersOf names the users of a phone who are not gone.
func (c company) usersOf(phone string) []string {
	var names []string
	for name, user := range c.users {
		uses := func(service pbx.LocalReference) bool { return string(service.Name) == phone }
		if state := stateOf(&user); slices.ContainsFunc(user.Spec.Services, uses) && state != pbx.StateDeleted && state != pbx.StatePurged {
			names = append(names, name)
		}
	}
	return names
}

// TestAcmeRefersToWhatIsThere: nothing dangles, and nothing leans on what is purged.
func TestAcmeRefersToWhatIsThere(t *testing.T) {
	c := acme(t)
	for name, user := range c.users {
		for _, service := range user.Spec.Services {
			phone, found := c.phones[string(service.Name)]
			mustExist(t, "user "+name, "phone service", service.Name, found && stateOf(&phone) != pbx.StatePurged)
		}
		c.mustHold(t, "user "+name, user.Spec.Login.PasswordSecretRef, "password", regexp.MustCompile(`^.{8,72}$`))
		mustExist(t, "user "+name, "phone system", "default", user.Spec.PhoneSystemRef.Name == "")
	}
	for name, extension := range c.extensions {
		if ref := extension.Spec.UserRef; ref != nil {
			user, found := c.users[string(ref.Name)]
			mustExist(t, "extension "+name, "user", ref.Name, found && stateOf(&user) != pbx.StatePurged)
		}
		c.mustHold(t, "extension "+name, extension.Spec.Voicemail.PinSecretRef, "pin", regexp.MustCompile(`^[0-9]{4,10}$`))
	}
	for name, phone := range c.phones {
		if ref := phone.Spec.ExtensionRef; ref != nil {
			extension, found := c.extensions[string(ref.Name)]
			mustExist(t, "phone service "+name, "extension", ref.Name, found && stateOf(&extension) != pbx.StatePurged)
		}
		c.mustHold(t, "phone service "+name, phone.Spec.SIP.PasswordSecretRef, "password", regexp.MustCompile(`^[!-~]{12,}$`))
	}
}

func mustExist(t *testing.T, from, kind string, name pbx.ObjectName, found bool) {
	t.Helper()
	if !found {
		t.Errorf("%s refers to the %s %s, which is not there or purged", from, kind, name)
	}
}

func (c company) mustHold(t *testing.T, from string, ref *pbx.SecretKeyReference, key string, format *regexp.Regexp) {
	t.Helper()
	if ref == nil {
		return
	}
	if ref.Key != "" {
		key = ref.Key
	}
	if value := c.secrets[ref.Name].Data[key]; !format.Match(value) {
		t.Errorf("%s: Secret %s needs the key %s with a value like %v, not %q", from, ref.Name, key, format, value)
	}
}

// TestAcmeClaimsNothingTwice: whatever has one holder has one.
func TestAcmeClaimsNothingTwice(t *testing.T) {
	c := acme(t)
	holders := map[string]string{}
	claim := func(holder, what, value string) {
		if value == "" {
			return
		}
		key := what + " " + strings.ToLower(value)
		if other, taken := holders[key]; taken {
			t.Errorf("%s and %s both claim %s", other, holder, key)
		}
		holders[key] = holder
	}
	for name, user := range c.users {
		claim(name, "login", or(user.Spec.Login.Username, name))
		claim(name, "e-mail", string(user.Spec.Email))
		for _, id := range user.Spec.AgentIDs {
			claim(name, "agent ID", id)
		}
	}
	for name, extension := range c.extensions {
		claim(name, "number", string(extension.Spec.Number))
		for _, number := range extension.Spec.DirectNumbers {
			claim(name, "direct number", string(number))
		}
	}
	for name, phone := range c.phones {
		claim(name, "SIP username", or(phone.Spec.SIP.Username, name))
		claim(name, "MAC", strings.NewReplacer(":", "", "-", "").Replace(phone.Spec.Device.MAC))
		claim(name, "Secret", name+"-sip")
	}
	for name := range c.secrets {
		claim("secrets/", "Secret", name)
	}
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// TestAcmeCanBecomeReady keeps to the rules that only the operator checks.
func TestAcmeCanBecomeReady(t *testing.T) {
	c := acme(t)
	for name, extension := range c.extensions {
		number := string(extension.Spec.Number)
		if extension.Spec.Voicemail.Enabled && len(number) != int(c.systems["default"].Spec.Numbering.VoicemailDigits) {
			t.Errorf("extension %s: no voicemail for the number %s", name, number)
		}
		if slices.Contains(c.systems["default"].Spec.EmergencyNumbers, extension.Spec.Number) {
			t.Errorf("extension %s has an emergency number", name)
		}
	}
	for name, phone := range c.phones {
		state := stateOf(&phone)
		if state != pbx.StateDeleted && state != pbx.StatePurged {
			continue
		}
		for _, user := range c.usersOf(name) {
			if spec := c.users[user].Spec; spec.PrimaryService == name && len(spec.Services) > 1 {
				t.Errorf("phone service %s is %s, and the primary of %s, who has others", name, state, user)
			}
		}
	}
}

// TestAcmeIsFiction: no sample may ring a real phone or be a real device.
func TestAcmeIsFiction(t *testing.T) {
	fiction := regexp.MustCompile(`^\+(493023125[0-9]{3}|442079460[0-9]{3}|121255501[0-9]{2})$`)
	local := regexp.MustCompile(`^0[26ae]:`)
	c := acme(t)
	for name, extension := range c.extensions {
		for _, number := range extension.Spec.DirectNumbers {
			if !fiction.MatchString(string(number)) {
				t.Errorf("extension %s: %s is not from a range kept for fiction", name, number)
			}
		}
	}
	for name, phone := range c.phones {
		if mac := phone.Spec.Device.MAC; mac != "" && !local.MatchString(mac) {
			t.Errorf("phone service %s: %s is not a locally administered address", name, mac)
		}
	}
	for name, user := range c.users {
		if email := string(user.Spec.Email); email != "" && !strings.HasSuffix(email, "@acme.example.com") {
			t.Errorf("user %s: %s is not an address of the sample's domain", name, email)
		}
	}
	for name, secret := range c.secrets {
		if password, given := secret.Data["password"]; given && !strings.HasPrefix(string(password), "sample-") {
			t.Errorf("Secret %s: %q does not look like a sample", name, password)
		}
	}
}

// TestAcmeForgetsNoFile: every object of every file is part of what is applied.
func TestAcmeForgetsNoFile(t *testing.T) {
	var inFiles []string
	err := filepath.WalkDir("../../"+acmeDir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" || filepath.Base(path) == "kustomization.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		inFiles = append(inFiles, metadataName.FindAllString(string(text), -1)...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := acme(t)
	applied := []string{metadataOf("acme")}
	for _, names := range [][]string{
		slices.Collect(maps.Keys(c.systems)), slices.Collect(maps.Keys(c.users)),
		slices.Collect(maps.Keys(c.extensions)), slices.Collect(maps.Keys(c.phones)),
	} {
		for _, name := range names {
			applied = append(applied, metadataOf(name))
		}
	}
	slices.Sort(inFiles)
	slices.Sort(applied)
	if diff := cmp.Diff(inFiles, applied); diff != "" {
		t.Errorf("objects (-in files +applied):\n%s", diff)
	}
}

var metadataName = regexp.MustCompile(`(?m)^metadata:\n  name: \S+$`)

func metadataOf(name string) string { return "metadata:\n  name: " + name }

// TestAcmeApplies applies it in one command, both ways that there are.
func TestAcmeApplies(t *testing.T) {
	for _, flags := range [][]string{nil, {"--server-side", "--force-conflicts"}} {
		out, err := kube.Kubectl(t, append([]string{"apply", "--validate=strict", "-k", acmeDir}, flags...)...)
		if err != nil || strings.Contains(out, "Warning") {
			t.Fatalf("with the flags %v: %v\n%s", flags, err, out)
		}
	}
}
