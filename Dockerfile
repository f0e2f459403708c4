# A static, non-root image: docker build -t pbx-operator .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /pbx-operator .

FROM scratch
# For PostgreSQL with sslmode=verify-full.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /pbx-operator /pbx-operator
USER 65532:65532
ENTRYPOINT ["/pbx-operator"]
