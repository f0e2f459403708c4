// Package receipts is the command that looks whether a receipt of a purge was removed or altered.
package receipts

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlite"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlstore"
)

// Name of the command.
const Name = "verify-receipts"

// The exit codes.
const (
	whole, broken, misused = 0, 1, 2
)

const usage = `pbx-operator verify-receipts looks whether a receipt of a purge was removed or altered. It writes nothing.

It ends with 0 if the chain of receipts is whole, with 1 if it is not, and with 2 if it could not look.

Flags:
`

type options struct{ file, dsnFile, holds string }

// Command runs the command with its arguments and gives its exit code.
func Command(ctx context.Context, args []string, out, errs io.Writer) int {
	var o options
	flags := flag.NewFlagSet(Name, flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.file, "sqlite", "", "`file` of an embedded store")
	flags.StringVar(&o.dsnFile, "postgres-dsn-file", "", "`file` with the DSN of a store in PostgreSQL; - is the standard input")
	flags.StringVar(&o.holds, "holds", "", "`hash` of a receipt that was noted elsewhere, such as in the purge's event: it has to be there")
	flags.Usage = func() {
		fmt.Fprint(errs, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return whole
		}
		return misused
	}
	if flags.NArg() > 0 || (o.file == "") == (o.dsnFile == "") {
		fmt.Fprintf(errs, "pbx-operator %s: give either --sqlite or --postgres-dsn-file; see --help\n", Name)
		return misused
	}
	found, err := o.look(ctx)
	if err != nil {
		fmt.Fprintf(errs, "pbx-operator %s: %v\n", Name, err)
		return misused
	}
	for _, fault := range found.Faults {
		fmt.Fprintln(out, fault)
	}
	if len(found.Faults) > 0 {
		return broken
	}
	fmt.Fprintf(out, "The chain of %d receipts is whole. The last one is %s.\n", found.Count, orNone(found.Last))
	return whole
}

func (o options) look(ctx context.Context) (sqlstore.Receipts, error) {
	db, err := o.open()
	if err != nil {
		return sqlstore.Receipts{}, err
	}
	defer db.Close()
	found, err := sqlstore.VerifyReceipts(ctx, db, o.holds)
	if err != nil {
		return found, fmt.Errorf("the receipts cannot be read; is it a PBX store that this version of the operator has opened? %w", err)
	}
	return found, nil
}

func (o options) open() (*sql.DB, error) {
	if o.file != "" {
		return sqlite.OpenReadOnly(o.file)
	}
	var dsn []byte
	var err error
	if o.dsnFile == "-" {
		dsn, err = io.ReadAll(os.Stdin)
	} else {
		dsn, err = os.ReadFile(o.dsnFile)
	}
	if err != nil {
		return nil, err
	}
	return postgres.OpenReadOnly(string(bytes.TrimSpace(dsn)))
}

func orNone(hash string) string {
	if hash == "" {
		return "none"
	}
	return hash
}
