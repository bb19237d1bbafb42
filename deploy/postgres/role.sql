-- Run once by PostgreSQL's image, as its superuser, when it makes its data folder. The integration gets a role of its own,
-- with the name of its database, that owns the database and can do nothing else. The superuser loses its password, so it
-- can log in only within the container: docker compose exec postgres psql -U postgres
\getenv password POSTGRES_PASSWORD
create role :"DBNAME" login password :'password';
alter database :"DBNAME" owner to :"DBNAME";
alter role current_user password null;
