package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// claim is a value that has one holder in a phone system.
type claim struct {
	// manifest gives an object with a value, set makes it another.
	manifest func(s *system, value string) pbxv1.Record
	set      func(object pbxv1.Record, value string)
	value    func() string
	// column that the value is in; other is one that the conflict does not touch.
	column, other string
}

// claims are by what the message calls the value.
var claims = map[string]claim{
	"number": {
		manifest: func(s *system, value string) pbxv1.Record { return s.extension(unique("ext"), pbxv1.Number(value)) },
		set:      func(o pbxv1.Record, value string) { o.(*pbxv1.Extension).Spec.Number = pbxv1.Number(value) },
		value:    func() string { return string(number()) },
		column:   "number", other: "on_release",
	},
	"direct number": {
		manifest: func(s *system, value string) pbxv1.Record {
			return s.extension(unique("ext"), number(), func(e *pbxv1.ExtensionSpec) {
				e.DirectNumbers = []pbxv1.E164Number{pbxv1.E164Number(value)}
			})
		},
		set: func(o pbxv1.Record, value string) {
			o.(*pbxv1.Extension).Spec.DirectNumbers = []pbxv1.E164Number{pbxv1.E164Number(value)}
		},
		value:  func() string { return "+4930" + string(number()) },
		column: "direct_numbers", other: "number",
	},
	"login": {
		manifest: func(s *system, value string) pbxv1.Record {
			return s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.Login.Username = value })
		},
		set:    func(o pbxv1.Record, value string) { o.(*pbxv1.User).Spec.Login.Username = value },
		value:  func() string { return unique("Login") },
		column: "login", other: "email",
	},
	"agent id": {
		manifest: func(s *system, value string) pbxv1.Record {
			return s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.AgentIDs = []string{value} })
		},
		set:    func(o pbxv1.Record, value string) { o.(*pbxv1.User).Spec.AgentIDs = []string{value} },
		value:  func() string { return unique("agent") },
		column: "agent_ids", other: "email",
	},
	"sip username": {
		manifest: func(s *system, value string) pbxv1.Record {
			return s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) { p.SIP.Username = value })
		},
		set:    func(o pbxv1.Record, value string) { o.(*pbxv1.PhoneService).Spec.SIP.Username = value },
		value:  func() string { return unique("sip") },
		column: "sip_username", other: "extension",
	},
	"mac": {
		manifest: func(s *system, value string) pbxv1.Record {
			return s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) { p.Device.MAC = value })
		},
		set:    func(o pbxv1.Record, value string) { o.(*pbxv1.PhoneService).Spec.Device.MAC = value },
		value:  func() string { return "00155d00" + string(number()) },
		column: "mac", other: "extension",
	},
}

var _ = onBothStores("What has one holder:", func(s *system) {
	for what, c := range claims {
		Context("a "+what, func() {
			var (
				value          string
				holder, second pbxv1.Record
			)
			// waits creates a second object that wants the same.
			waits := func(parts ...string) {
				GinkgoHelper()
				second = c.manifest(s, value)
				create(second)
				Eventually(latest(second)).Should(beWaiting(pbxv1.ReasonHeldByOther,
					append(parts, what+" "+value+" is held by", `"`+holder.GetName()+`", state Active`)...))
				Expect(s.record(second)).To(And(Not(HaveKey(c.column)), HaveKey(c.other)), "all else is written")
			}
			takesOver := func() {
				GinkgoHelper()
				Eventually(latest(second)).Should(beReady())
				Expect(s.record(second)).To(HaveKeyWithValue(c.column, value))
			}
			BeforeEach(func() {
				value = c.value()
				holder = c.manifest(s, value)
				bring(holder)
			})

			It("is waited for with the holder named, and taken over when that one has another", func() {
				waits("takes over when that one lets go")
				tellsOf(second, pbxv1.EventRefused, holder.GetName())
				change(holder, func(o pbxv1.Record) { c.set(o, c.value()) })
				takesOver()
				Eventually(latest(holder)).Should(beReady())
			})

			It("is taken over when the holder is purged", func() {
				waits()
				remove(pbxv1.DeletionPolicyPurge, holder)
				takesOver()
			})

			It("is taken over from a record without an object by the way out that is named", func() {
				remove(pbxv1.DeletionPolicyOrphan, holder)
				waits("that record has no object", holder.GetName()+" with state Purged")
				purged := again(holder, func(o pbxv1.Record) { o.Common().State = pbxv1.StatePurged })
				bring(purged)
				takesOver()
			})

			It("is taken over from a record without an object that somebody removes by hand", func() {
				remove(pbxv1.DeletionPolicyOrphan, holder)
				waits()
				table, _ := tables(holder)
				s.db.exec("DELETE FROM "+table+" WHERE name = $1", holder.GetName())
				takesOver()
			})
		})
	}

	It("a login is the same in capitals, a MAC address in any spelling", func() {
		ada := s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.Login.Username = unique("login") })
		bring(ada)
		shouting := s.user(unique("bob"), func(u *pbxv1.UserSpec) { u.Login.Username = "L" + ada.Spec.Login.Username[1:] })
		create(shouting)
		Eventually(latest(shouting)).Should(beWaiting(pbxv1.ReasonHeldByOther, ada.Name))

		digits := string(number())
		phone := s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) { p.Device.MAC = "00155dab" + digits })
		bring(phone)
		same := s.phone(unique("same"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
			p.Device.MAC = "00:15:5D:AB:" + digits[:2] + ":" + digits[2:]
		})
		create(same)
		Eventually(latest(same)).Should(beWaiting(pbxv1.ReasonHeldByOther, phone.Name))
	})

	It("a number is the same as a directory number and as a direct number, with plus and without", func() {
		digits := pbxv1.Number("4930" + string(number()))
		byNumber, byDirect := s.extension(unique("ext"), digits), s.extension(unique("ext"), number(), direct(pbxv1.E164Number("+"+digits)))
		bring(byNumber)
		create(byDirect)
		Eventually(latest(byDirect)).Should(beWaiting(pbxv1.ReasonHeldByOther, "direct number +"+string(digits), byNumber.Name))
		Expect(s.record(byDirect)).To(And(HaveKey("number"), Not(HaveKey("direct_numbers"))))

		// They swap, and swap back: each waits for what the other lets go of.
		next := number()
		change(byNumber, func(e *pbxv1.Extension) { e.Spec.Number = next; direct(pbxv1.E164Number("+" + digits))(&e.Spec) })
		change(byDirect, func(e *pbxv1.Extension) { e.Spec.Number = digits; direct()(&e.Spec) })
		Eventually(latest(byNumber)).Should(Or(beReady(), beWaiting(pbxv1.ReasonHeldByOther, byDirect.Name)))
		Eventually(latest(byDirect)).Should(Or(beReady(), beWaiting(pbxv1.ReasonHeldByOther, byNumber.Name)))
		remove(pbxv1.DeletionPolicyPurge, byNumber)
		settle(byDirect)
		Expect(s.record(byDirect)).To(HaveKeyWithValue("number", string(digits)))

		both := s.extension(unique("both"), digits, direct(pbxv1.E164Number("+"+digits)))
		create(both)
		Eventually(latest(both)).Should(beWaiting(pbxv1.ReasonHeldByOther, "number "+string(digits), "direct number +"+string(digits), byDirect.Name))
		renumber(byDirect, number())
		settle(both)
		Expect(s.record(both)).To(And(HaveKeyWithValue("number", string(digits)), HaveKey("direct_numbers")))
	})

	It("a number and a direct number that two exchange converge", func() {
		x, y := pbxv1.Number("4930"+string(number())), pbxv1.Number("4930"+string(number()))
		one, two := s.extension(unique("ext"), x), s.extension(unique("ext"), number(), direct(pbxv1.E164Number("+"+y)))
		bring(one, two)
		change(one, func(e *pbxv1.Extension) { e.Spec.Number = y })
		change(two, func(e *pbxv1.Extension) { direct(pbxv1.E164Number("+" + x))(&e.Spec) })
		settle(one, two)
		Expect(s.record(one)).To(HaveKeyWithValue("number", string(y)))
		Expect(s.db.rows("SELECT digits FROM pbx_claimed_numbers WHERE digits IN ($1, $2)", string(x), string(y))).To(HaveLen(2))
	})

	It("a Deleted record keeps its number, and not its agent IDs, which a restore then lacks", func() {
		user := s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.AgentIDs = []string{unique("agent")} })
		extension := s.extension(unique("ext"), number())
		bring(user, extension)
		moveThrough(user, pbxv1.StateDeleted)
		moveThrough(extension, pbxv1.StateDeleted)

		same := s.extension(unique("same"), extension.Spec.Number)
		create(same)
		Eventually(latest(same)).Should(beWaiting(pbxv1.ReasonHeldByOther, extension.Name, "state Deleted"))

		other := s.user(unique("bob"), func(u *pbxv1.UserSpec) { u.AgentIDs = user.Spec.AgentIDs })
		bring(other)
		setState(user, pbxv1.StateActive)
		Eventually(latest(user)).Should(And(beWaiting(pbxv1.ReasonHeldByOther, "agent id "+user.Spec.AgentIDs[0], other.Name),
			HaveField("Status.State", pbxv1.StateActive)))
	})

	It("names as many as a condition and an event have room for", func() {
		ids := []string{}
		for range 16 {
			ids = append(ids, unique("agent-with-a-long-name"))
		}
		holder := s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.AgentIDs = ids })
		bring(holder)
		second := s.user(unique("bob"), func(u *pbxv1.UserSpec) { u.AgentIDs = ids })
		create(second)
		Eventually(latest(second)).Should(beWaiting(pbxv1.ReasonHeldByOther, ids[0], ids[4], "..."))
		tellsOf(second, pbxv1.EventRefused, ids[0], ids[4], "...")
	})

	for _, n := range []int{2, 3} {
		It("numbers of "+map[int]string{2: "two that swap", 3: "three that rotate"}[n]+" converge", func() {
			var extensions []*pbxv1.Extension
			var numbers []pbxv1.Number
			for range n {
				extension := s.extension(unique("ext"), number(), func(e *pbxv1.ExtensionSpec) { e.Voicemail.Enabled = true })
				create(extension)
				extensions, numbers = append(extensions, extension), append(numbers, extension.Spec.Number)
			}
			for _, extension := range extensions {
				settle(extension)
			}
			for i, extension := range extensions {
				change(extension, func(e *pbxv1.Extension) { e.Spec.Number = numbers[(i+1)%n] })
			}
			for i, extension := range extensions {
				settle(extension)
				Expect(s.record(extension)).To(And(HaveKeyWithValue("number", string(numbers[(i+1)%n])),
					HaveKeyWithValue("mailbox", string(numbers[(i+1)%n]))))
			}
		})
	}
})
