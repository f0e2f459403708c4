package controllers

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// shortestSIPPassword is in bytes. Engines let anybody who reaches them guess, and a digest that was heard is guessed without
// asking: what is shorter is found.
const shortestSIPPassword = 12

// sipPassword gives the SIP password under a key of a Secret, if a phone can have it.
func sipPassword(secret *corev1.Secret, key string) (string, error) {
	password := string(secret.Data[key])
	if err := checkSIPPassword(password); err != nil {
		return "", secretInvalid(secret, key, err)
	}
	return password, nil
}

// checkSIPPassword says what is wrong with a password, and nothing of what it is.
func checkSIPPassword(password string) error {
	if password == "" {
		return errors.New("it is empty: give a password")
	}
	for i, char := range []byte(password) {
		if what := unfit(char); what != "" {
			return fmt.Errorf("byte %d of %d is %s, which a phone cannot have: take it out%s", i+1, len(password), what, newlineHint(password, i))
		}
	}
	switch {
	case strings.HasPrefix(password, " "):
		return errors.New("it begins with a blank, which a phone cannot have: take it out")
	case strings.HasSuffix(password, " "):
		return errors.New("it ends with a blank, which a phone cannot have: take it out")
	case len(password) < shortestSIPPassword:
		return fmt.Errorf("it has %d bytes, and needs at least %d: give a longer one", len(password), shortestSIPPassword)
	}
	return nil
}

// unfit names a byte that is not printable ASCII.
func unfit(char byte) string {
	switch {
	case char == 0:
		return "NUL"
	case char == '\n', char == '\r':
		return "a line break"
	case char < ' ', char == 0x7f:
		return "a control character"
	case char > 0x7f:
		return "not ASCII"
	default:
		return ""
	}
}

// newlineHint tells where a line break at the end comes from.
func newlineHint(password string, at int) string {
	if password[at] == '\n' && at == len(password)-1 {
		return " (a file made by an editor or by echo ends with one; printf makes none)"
	}
	return ""
}
