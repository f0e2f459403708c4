package engines

import (
	"crypto/md5" //nolint:gosec // the digest that SIP has
	"encoding/hex"
	"fmt"
)

// Domain is that of the phone system.
const Domain = "acme.example"

// Person is one of the people in a store, by number from 1 on: a user with an extension, a direct number, a box and a
// phone. Some differ, see the methods.
type Person int

// Username is the SIP account of the phone, and Password its password.
func (p Person) Username() string { return fmt.Sprintf("phone%05d", int(p)) }

// Password is that of the SIP account.
func (p Person) Password() string { return "secret of " + p.Username() }

// Number is the directory number, which the box has, too.
func (p Person) Number() string { return fmt.Sprint(100_000 + int(p)) }

// Direct is the direct number.
func (p Person) Direct() string { return "+4930" + p.Number() }

// Login is how the user signs in with a portal.
func (p Person) Login() string { return fmt.Sprintf("User.%05d", int(p)) }

// Normal says that the phone may call, and that its number rings it alone.
func (p Person) Normal() bool {
	return p.state() == "Active" && !p.common() && p%100 != 33 && p%10 > 1 && p%25 > 1
}

func (p Person) user() string      { return fmt.Sprintf("user%05d", int(p)) }
func (p Person) extension() string { return fmt.Sprintf("ext%05d", int(p)) }
func (p Person) id(kind string) string {
	return fmt.Sprintf("%s-%05d", kind, int(p))
}

// state: of a hundred five are away and two have left.
func (p Person) state() string {
	switch {
	case p%50 == 13:
		return "Deleted"
	case p%20 == 7:
		return "Deactivated"
	}
	return "Active"
}

// gone says that the phone is nobody's any more, and so not registered.
func (p Person) gone() bool { return p.state() == "Deleted" }

// common says that nobody holds the number, which has a name of its own.
func (p Person) common() bool { return p%40 == 5 }

// rings is the extension of the phone: some have two phones, and their neighbours none.
func (p Person) rings() string {
	if p%25 == 0 {
		return (p + 1).extension()
	}
	return p.extension()
}

// shares says that the neighbour uses the phone, too.
func (p Person) shares() bool { return p%10 == 0 }

// moved says that the phone is registered with Asterisk alone; every second one is with it and with Kamailio.
func (p Person) moved() bool { return p%8 == 1 }

// ruid and contact are those of the phone's registration.
func (p Person) ruid() string { return fmt.Sprintf("uloc-65f0-%05d", int(p)) }

func (p Person) contact() string {
	return fmt.Sprintf("sip:%s@127.0.0.1:%d", p.Username(), 20_000+int(p))
}

// digest is what the store has of a password.
func (p Person) digest(account string) string {
	sum := md5.Sum([]byte(account + ":" + Domain + ":" + p.Password())) //nolint:gosec // the digest that SIP has
	return hex.EncodeToString(sum[:])
}

// HA1 is the digest of the password that SIP has.
func (p Person) HA1() string { return p.digest(p.Username()) }
