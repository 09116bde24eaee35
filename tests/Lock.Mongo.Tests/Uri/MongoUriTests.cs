namespace Locking;

public sealed class MongoUriTests
{
    [Fact]
    public void All_parts_are_read()
    {
        MongoClientSettings s = MongoUri.Parse("mongodb://us%40er:p%3Ass%2Fw@a:1,B,[::1]:3,%2Ftmp%2Fmongodb-27017.sock/mydb?replicaSet=rs0&w=2&maxPoolSize=7&connectTimeoutMS=1500&socketTimeoutMS=0&appName=my%20app&retryWrites=true");
        Assert.Equal("us@er", s.Username);
        Assert.Equal("p:ss/w", s.Password);
        Assert.Equal([new("a", 1), new("b", 27017), new("::1", 3), MongoEndpoint.UnixSocket("/tmp/mongodb-27017.sock")], s.Hosts);
        Assert.Equal("mydb", s.Database);
        Assert.Equal("mydb", s.AuthSource);
        Assert.Equal("rs0", s.ReplicaSet);
        Assert.Equal("2", s.WriteConcern);
        Assert.Equal(7, s.MaxPoolSize);
        Assert.Equal(TimeSpan.FromMilliseconds(1500), s.ConnectTimeout);
        Assert.Equal(Timeout.InfiniteTimeSpan, s.CommandTimeout);
        Assert.Equal("my app", s.AppName);
        Assert.Null(s.Tls);
    }

    // Of the specification's own vectors (connection strings: valid-host_identifiers, valid-unix_socket-*, valid-auth).
    [Theory]
    [InlineData("mongodb://192.168.0.1,[2001:7b8:3ff:1:31::7]:27018,example.org", "192.168.0.1:27017 [2001:7b8:3ff:1:31::7]:27018 example.org:27017")]
    [InlineData("mongodb://[fe80::1%25lo]:27018", "[fe80::1%lo]:27018")]
    [InlineData("mongodb://bücher.example.com", "bücher.example.com:27017")]
    [InlineData("mongodb://%2Ftmp%2FMongoDB-27017.sock/admin", "/tmp/MongoDB-27017.sock")]
    [InlineData("mongodb://rel%2Fpath.to.sock%2Fmongodb-27017.sock/", "rel/path.to.sock/mongodb-27017.sock")]
    [InlineData("mongodb://rel%2F %2Fmongodb-27017.sock", "rel/ /mongodb-27017.sock")]
    [InlineData("mongodb://alice:foo@127.0.0.1:27018,mongodb-27017.sock,rel%2fmongodb-27018.sock/admin?w=1", "127.0.0.1:27018 mongodb-27017.sock:27017 rel/mongodb-27018.sock")]
    public void Hosts_addresses_and_sockets(string uri, string hosts)
    {
        IReadOnlyList<MongoEndpoint> read = MongoUri.Parse(uri).Hosts;
        Assert.Equal(hosts, string.Join(' ', read));
        Assert.All(read, host => Assert.Equal(host.ToString().EndsWith(".sock", StringComparison.Ordinal), host.IsUnixSocket));
    }

    [Theory]
    [InlineData("mongodb://alice:foo@127.0.0.1/?authSource=test", "alice", "foo", "test")]
    [InlineData("mongodb://!$&'()*+,;=:!$&'()*+,;=@127.0.0.1/admin", "!$&'()*+,;=", "!$&'()*+,;=", "admin")]
    [InlineData("mongodb://bob%3Asmith:f%40o%2Fb%25r@localhost/db", "bob:smith", "f@o/b%r", "db")]
    [InlineData("mongodb://user:@localhost/", "user", "", "admin")]
    public void Users_and_passwords(string uri, string user, string password, string source)
    {
        MongoClientSettings s = MongoUri.Parse(uri);
        Assert.Equal((user, password, source), (s.Username, s.Password, s.AuthSource));
    }

    [Theory]
    [InlineData("mongodb://:password@localhost")]
    [InlineData("mongodb://alice:fo o@")]
    [InlineData("mongodb://alice@@localhost")]
    [InlineData("mongodb://alice:foo:bar@127.0.0.1")]
    [InlineData("mongodb://localhost:foo")]
    [InlineData("mongodb://localhost:-1")]
    [InlineData("mongodb://localhost:27017,")]
    [InlineData("mongodb://[::1")]
    [InlineData("mongodb://%2Ftmp%2Fmongodb.sock/%2F")]
    [InlineData("mongodb://localhost/fo?o?=a")]
    public void No_uri(string uri) => Assert.Throws<FormatException>(() => MongoUri.Parse(uri));

    [Fact]
    public void What_the_uri_does_not_say_is_left_alone()
    {
        var defaults = new MongoClientSettings { Username = "me", Password = "secret", CommandTimeout = TimeSpan.FromSeconds(9) };
        MongoClientSettings s = MongoUri.Parse("mongodb://h", defaults);
        Assert.Equal("me", s.Username);
        Assert.Equal("secret", s.Password);
        Assert.Equal("admin", s.AuthSource);
        Assert.Equal(TimeSpan.FromSeconds(9), s.CommandTimeout);
        Assert.Equal([new MongoEndpoint("h", 27017)], s.Hosts);
    }

    [Theory]
    [InlineData("mongodb://h/?tls=true", false, false)]
    [InlineData("mongodb://h/?ssl=true&tlsAllowInvalidHostnames=true", false, true)]
    [InlineData("mongodb://h/?tlsInsecure=true", true, true)]
    public void Tls_options(string uri, bool anyCertificate, bool anyHost)
    {
        MongoTls? tls = MongoUri.Parse(uri).Tls;
        Assert.NotNull(tls);
        Assert.Equal(anyCertificate, tls.AllowInvalidCertificates);
        Assert.Equal(anyHost, tls.AllowInvalidHostnames);
    }

    [Theory]
    [InlineData("http://h", "mongodb://")]
    [InlineData("mongodb+srv://h/", "mongodb+srv", "List the hosts")]
    [InlineData("mongodb://", "The host ''")]
    [InlineData("mongodb://h:0", "h:0", "1 to 65535")]
    [InlineData("mongodb://h:99999", "h:99999", "1 to 65535")]
    [InlineData("mongodb://a,,b", "The host ''")]
    [InlineData("mongodb://::1", "::1", "[ipv6]")]
    [InlineData("mongodb://h/a.b", "'a.b'", "database")]
    [InlineData("mongodb://h/?maxPoolSize=many", "maxPoolSize", "'many'", "1 to 10000")]
    [InlineData("mongodb://h/?maxPoolSize=0", "maxPoolSize", "'0'", "1 to 10000")]
    [InlineData("mongodb://h/?tls=yes", "tls", "'yes'", "true or false")]
    [InlineData("mongodb://h/?tls=true&ssl=false", "ssl", "'false'", "the same as tls")]
    [InlineData("mongodb://h/?tls=false&tlsInsecure=true", "tlsInsecure", "tls=false")]
    [InlineData("mongodb://h/?authMechanism=MONGODB-X509", "authMechanism", "MONGODB-X509", "SCRAM-SHA-256")]
    [InlineData("mongodb://h/?readPreference=secondary", "readPreference", "secondary", "primary")]
    [InlineData("mongodb://h/?w=most", "w", "'most'", "majority")]
    [InlineData("mongodb://h/?loadBalanced=true", "loadBalanced", "Lock.Mongo.Driver")]
    [InlineData("mongodb://h/?replicaset=", "replicaset", "no value")]
    [InlineData("mongodb://h/?w=1&w=2", "'w'", "twice")]
    [InlineData("mongodb://h/?repliacSet=x", "repliacSet", "did you mean 'replicaSet'")]
    [InlineData("mongodb://h/?colour=red", "colour", "Allowed: appName")]
    [InlineData("mongodb://localhost/?authMechanism=SCRAM-SHA-256", "authMechanism", "no user")]
    [InlineData("mongodb://example.com/?tlsInsecure=true&tlsAllowInvalidCertificates=false", "'tlsInsecure' and 'tlsAllowInvalidCertificates'", "one of them")]
    [InlineData("mongodb://example.com/?tlsAllowInvalidHostnames=false&tlsInsecure=false", "'tlsInsecure' and 'tlsAllowInvalidHostnames'")]
    [InlineData("mongodb://example.com/?tlsAllowInvalidCertificates=true&tlsDisableOCSPEndpointCheck=true", "'tlsAllowInvalidCertificates' and 'tlsDisableOCSPEndpointCheck'")]
    [InlineData("mongodb://example.com/?srvMaxHosts=2", "srvMaxHosts", "not known")]
    [InlineData("mongodb://exam%41ple.com", "exam%41ple.com", "percent-encoded path")]
    [InlineData("mongodb://[example.com]", "[example.com]", "[ipv6]")]
    [InlineData("mongodb://a,b/?directConnection=true", "directConnection", "one host", "2 are given")]
    [InlineData("mongodb://h/?tlsCAFile=/does/not/exist.pem", "tlsCAFile", "/does/not/exist.pem", "PEM")]
    public void Errors_name_the_part_the_value_and_what_is_allowed(string uri, params string[] parts)
    {
        string message = Assert.Throws<FormatException>(() => MongoUri.Parse(uri)).Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("mongodb://user:s3cret:x@h")]
    [InlineData("mongodb://user:s3cret%zz@h")]
    [InlineData("mongodb://user:s3cret@x@h")]
    [InlineData("mongodb://user:s3cret@h:0")]
    [InlineData("mongodb://user:s3cret@h/?x=1")]
    [InlineData("mongodb://h/?tlsCertificateKeyFile=/nope.pem&tlsCertificateKeyFilePassword=s3cret")]
    public void No_error_shows_a_password(string uri)
    {
        string message = Assert.Throws<FormatException>(() => MongoUri.Parse(uri)).ToString();
        Assert.DoesNotContain("s3cret", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_print_without_the_password() =>
        Assert.Equal("mongodb://u:***@h:1", MongoUri.Parse("mongodb://u:s3cret@h:1").ToString());
}
